package kubetest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// AuditEntry is a request that the API server has answered.
type AuditEntry struct {
	User       string
	Verb       string // such as list, create, deletecollection
	Group      string // of the API, empty for the core
	Resource   string // with its subresource, as in serviceaccounts/token
	Namespace  string
	Name       string // empty where the path has none, as for lists
	Code       int    // HTTP's
	RequestURI string
	UserAgent  string
}

// String is short: "list ippools 200".
func (e AuditEntry) String() string {
	what := e.Resource
	if what == "" {
		what = e.RequestURI
	}
	for _, part := range []string{e.Namespace, e.Name} {
		if part != "" {
			what += " " + part
		}
	}
	return fmt.Sprintf("%s %s %d", e.Verb, what, e.Code)
}

// auditLog reads the API server's audit log, each line once.
type auditLog struct {
	path string

	mu      sync.Mutex
	offset  int64
	entries []AuditEntry
	open    map[string]*unanswered // by audit ID
	start   map[string]int         // where a user's entries begin after a reset
}

// unanswered is a request under way. Once it has been waited for in vain, it is
// not waited for again.
type unanswered struct {
	user string
	long bool
}

// event is a line of the log, as far as it is of interest.
type event struct {
	AuditID   string
	Stage     string
	Verb      string
	User      struct{ Username string }
	ObjectRef struct {
		APIGroup, Resource, Subresource, Namespace, Name string
	}
	ResponseStatus struct{ Code int }
	RequestURI     string
	UserAgent      string
}

// Audit returns what the user has asked for since the start, or since
// ResetAudit, in the order of the answers. A watch stands there from its
// beginning. For what is still under way it waits a while. Who is not known has
// no name: requests with a bad token are those of the user "".
func (s *Server) Audit(tb testing.TB, user string) []AuditEntry {
	tb.Helper()
	s.audit.mu.Lock()
	defer s.audit.mu.Unlock()
	require.NoError(tb, s.audit.settle(user))
	var found []AuditEntry
	for _, entry := range s.audit.entries[s.audit.start[user]:] {
		if entry.User == user {
			found = append(found, entry)
		}
	}
	return found
}

// ResetAudit forgets what the user has asked for so far.
func (s *Server) ResetAudit(tb testing.TB, user string) {
	tb.Helper()
	s.audit.mu.Lock()
	defer s.audit.mu.Unlock()
	require.NoError(tb, s.audit.settle(user))
	s.audit.start[user] = len(s.audit.entries)
}

// settleTime bounds the wait for requests under way: a server that was killed
// leaves some that are never answered.
const settleTime = 3 * time.Second

// settle reads on until the user has no request under way. The client may have
// its whole answer a moment before the line about it is written, but the line
// about the request was there before.
func (l *auditLog) settle(user string) error {
	for end := time.Now().Add(settleTime); ; time.Sleep(5 * time.Millisecond) {
		if err := l.read(); err != nil {
			return err
		}
		waiting := l.underWay(user)
		if len(waiting) == 0 {
			return nil
		}
		if !time.Now().Before(end) {
			for _, request := range waiting {
				request.long = true
			}
			return nil
		}
	}
}

func (l *auditLog) underWay(user string) []*unanswered {
	var all []*unanswered
	for _, request := range l.open {
		if request.user == user && !request.long {
			all = append(all, request)
		}
	}
	return all
}

// read takes in the lines that have been written since.
func (l *auditLog) read() error {
	if l.open == nil {
		l.open, l.start = map[string]*unanswered{}, map[string]int{}
	}
	file, err := os.Open(l.path)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Seek(l.offset, io.SeekStart); err != nil {
		return err
	}
	reader := bufio.NewReader(file)
	for {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil // half a line is read again when it is whole
		}
		if err != nil {
			return err
		}
		l.offset += int64(len(line))
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("audit log: %w", err)
		}
		l.add(e)
	}
}

func (l *auditLog) add(e event) {
	user := e.User.Username
	switch e.Stage {
	case "RequestReceived":
		l.open[e.AuditID] = &unanswered{user: user}
		return
	case "ResponseComplete", "Panic":
		// A watch has its entry already, and so has a request of nobody.
		if _, found := l.open[e.AuditID]; !found {
			return
		}
	}
	delete(l.open, e.AuditID)
	resource := e.ObjectRef.Resource
	if e.ObjectRef.Subresource != "" {
		resource += "/" + e.ObjectRef.Subresource
	}
	l.entries = append(l.entries, AuditEntry{
		User: user, Verb: e.Verb, Group: e.ObjectRef.APIGroup, Resource: resource,
		Namespace: e.ObjectRef.Namespace, Name: e.ObjectRef.Name, Code: e.ResponseStatus.Code,
		RequestURI: e.RequestURI, UserAgent: e.UserAgent,
	})
}
