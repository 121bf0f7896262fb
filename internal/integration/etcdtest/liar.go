package etcdtest

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"sync"
	"testing"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/proto"
)

// Liar is a server that speaks just enough gRPC for a client of etcd, and answers what a
// test says. Without answers it is an etcd without keys that carries out any
// transaction. It is safe for concurrent use.
type Liar struct {
	Endpoint string

	mu      sync.Mutex
	answers map[string]Answer
	calls   map[string]int
}

// Answer answers one call. request is the encoded request.
type Answer func(w http.ResponseWriter, request []byte)

// NewLiar starts a liar, which stops at the end of the test. Answers are by the short
// name of the method, such as "Range".
func NewLiar(t testing.TB, answers map[string]Answer) *Liar {
	t.Helper()
	l := &Liar{answers: answers, calls: map[string]int{}}
	server := httptest.NewUnstartedServer(l)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	l.Endpoint = server.URL
	return l
}

// Count returns the number of calls of a method.
func (l *Liar) Count(method string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.calls[method]
}

// ServeHTTP implements http.Handler.
func (l *Liar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method := path.Base(r.URL.Path)
	body, err := io.ReadAll(r.Body)
	if err != nil || len(body) < 5 {
		return
	}
	l.mu.Lock()
	l.calls[method]++
	answer := l.answers[method]
	l.mu.Unlock()
	if answer == nil {
		answer = honest[method]
	}
	if answer == nil {
		Fail(12, "unknown method "+method)(w, nil)
		return
	}
	answer(w, body[5:])
}

// honest is the answers of an etcd without keys.
var honest = map[string]Answer{
	"Range":        Reply(&etcdserverpb.RangeResponse{Header: Header()}),
	"Authenticate": Reply(&etcdserverpb.AuthenticateResponse{Header: Header(), Token: "token"}),
	"Txn": func(w http.ResponseWriter, request []byte) {
		var txn etcdserverpb.TxnRequest
		if err := proto.Unmarshal(request, &txn); err != nil {
			Fail(3, err.Error())(w, nil)
			return
		}
		Reply(Applied(len(txn.Success)))(w, nil)
	},
}

// Header returns the header of a response.
func Header() *etcdserverpb.ResponseHeader {
	return &etcdserverpb.ResponseHeader{ClusterId: 1, MemberId: 1, Revision: 7, RaftTerm: 2}
}

// Applied returns the response to a transaction of so many puts that was applied.
func Applied(puts int) *etcdserverpb.TxnResponse {
	response := &etcdserverpb.TxnResponse{Header: Header(), Succeeded: true}
	for range puts {
		response.Responses = append(response.Responses, &etcdserverpb.ResponseOp{Response: &etcdserverpb.ResponseOp_ResponsePut{ResponsePut: &etcdserverpb.PutResponse{Header: Header()}}})
	}
	return response
}

// Reply answers with a message.
func Reply(message proto.Message) Answer {
	data, err := proto.Marshal(message)
	if err != nil {
		panic(err) // a message of a test
	}
	return Bytes(data)
}

// Bytes answers with an encoded message.
func Bytes(message []byte) Answer {
	return func(w http.ResponseWriter, _ []byte) {
		Begin(w, uint32(len(message)))
		_, _ = w.Write(message) // fails if the client has closed the connection
		End(w, 0, "")
	}
}

// Fail answers with a gRPC status.
func Fail(code int, message string) Answer {
	return func(w http.ResponseWriter, _ []byte) {
		w.Header().Set("Content-Type", "application/grpc")
		w.WriteHeader(http.StatusOK)
		End(w, code, message)
	}
}

// Endless answers with a message that is announced with a size, and bytes without end.
func Endless(size uint32) Answer {
	return func(w http.ResponseWriter, _ []byte) {
		Begin(w, size)
		Flood(w)
	}
}

// Begin writes the headers of an answer and the size of its message.
func Begin(w http.ResponseWriter, size uint32) {
	w.Header().Set("Content-Type", "application/grpc")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(binary.BigEndian.AppendUint32([]byte{0}, size))
}

// Flood writes zeros until the client closes the stream.
func Flood(w http.ResponseWriter) {
	for zeros := make([]byte, 1<<16); ; {
		if _, err := w.Write(zeros); err != nil {
			return
		}
	}
}

// End writes the status of an answer.
func End(w http.ResponseWriter, code int, message string) {
	w.Header().Set(http.TrailerPrefix+"Grpc-Status", fmt.Sprint(code))
	if message != "" {
		w.Header().Set(http.TrailerPrefix+"Grpc-Message", message)
	}
}
