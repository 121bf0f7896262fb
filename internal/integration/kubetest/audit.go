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

// AuditEntry is an answered request in the API server's audit log.
type AuditEntry struct {
	User       string
	Verb       string // such as list, create, deletecollection
	Group      string // API group, empty for core
	Resource   string // with its subresource, as in serviceaccounts/token
	Namespace  string
	Name       string // empty if the path has none, as for lists
	Code       int    // HTTP status
	RequestURI string
	UserAgent  string
}

// String returns a short form, such as "list ippools 200".
func (e AuditEntry) String() string {
	text := e.Resource
	if text == "" {
		text = e.RequestURI
	}
	for _, part := range []string{e.Namespace, e.Name} {
		if part != "" {
			text += " " + part
		}
	}
	return fmt.Sprintf("%s %s %d", e.Verb, text, e.Code)
}

// auditLog reads the API server's audit log incrementally.
type auditLog struct {
	path string

	mu      sync.Mutex
	offset  int64
	entries []AuditEntry
	open    map[string]*unanswered // by audit ID
	start   map[string]int         // index of a user's first entry after a reset
}

// unanswered is a request without an answer so far. If a wait for it timed out, long is
// set and it is not waited for again.
type unanswered struct {
	user string
	long bool
}

// event has the required fields of a line of the log.
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

// Audit returns the user's requests since the start or the last ResetAudit, in the order
// of their answers. A watch counts as answered when it starts. It waits a while for
// requests that are not answered. Unauthenticated requests have the user "".
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

// ResetAudit discards the user's requests so far.
func (s *Server) ResetAudit(tb testing.TB, user string) {
	tb.Helper()
	s.audit.mu.Lock()
	defer s.audit.mu.Unlock()
	require.NoError(tb, s.audit.settle(user))
	s.audit.start[user] = len(s.audit.entries)
}

// settleTime is the time limit of the wait for answers. The last requests of a killed
// server are never answered.
const settleTime = 3 * time.Second

// settle reads the log until all requests of the user are answered. A client may get its
// answer before the line about the answer is written, but not before the line about the
// request.
func (l *auditLog) settle(user string) error {
	for end := time.Now().Add(settleTime); ; time.Sleep(5 * time.Millisecond) {
		if err := l.read(); err != nil {
			return err
		}
		open := l.unanswered(user)
		if len(open) == 0 {
			return nil
		}
		if !time.Now().Before(end) {
			for _, request := range open {
				request.long = true
			}
			return nil
		}
	}
}

func (l *auditLog) unanswered(user string) []*unanswered {
	var all []*unanswered
	for _, request := range l.open {
		if request.user == user && !request.long {
			all = append(all, request)
		}
	}
	return all
}

// read reads the lines that were written since the last read.
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
			return nil // an incomplete line is read again
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
		// A watch already has its entry, and so has an unauthenticated request.
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
