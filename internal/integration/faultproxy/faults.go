package faultproxy

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"time"
)

// Fault handles a request in place of the proxy.
type Fault func(exchange)

type exchange struct {
	w     http.ResponseWriter
	r     *http.Request
	proxy *HTTP
}

// pass passes the request on to the API server and returns its answer.
func (e exchange) pass() *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	e.proxy.upstream.ServeHTTP(recorder, e.r)
	return recorder
}

func (e exchange) answer(code int, header http.Header, body []byte) {
	maps.Copy(e.w.Header(), header)
	e.w.WriteHeader(code)
	_, _ = e.w.Write(body) // the client may be gone
}

// Answer answers in place of the API server, which does not get the request.
func Answer(code int, header http.Header, body string) Fault {
	return func(e exchange) { e.answer(code, header, []byte(body)) }
}

// Status answers with an API server's Status object. If seconds is positive, the answer
// has a Retry-After.
func Status(code, seconds int, message string) Fault {
	header := http.Header{"Content-Type": {"application/json"}}
	details := ""
	if seconds > 0 {
		header.Set("Retry-After", strconv.Itoa(seconds))
		details = fmt.Sprintf(`,"details":{"retryAfterSeconds":%d}`, seconds)
	}
	return Answer(code, header, fmt.Sprintf(
		`{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":%q,"code":%d%s}`, message, code, details))
}

// Page answers like a load balancer without backends: with an HTML page that differs
// each time.
func Page(code int) Fault {
	return func(e exchange) {
		e.answer(code, http.Header{"Content-Type": {"text/html"}},
			fmt.Appendf(nil, "<html>\n<head><title>%d %s</title></head>\n<body>Request %d</body>\n</html>\n",
				code, http.StatusText(code), time.Now().UnixNano()))
	}
}

// After passes the request on to the API server, discards its answer and then handles
// the request with fault.
func After(fault Fault) Fault {
	return func(e exchange) { e.pass(); fault(e) }
}

// Postpone handles a request with fault. deliver then passes it on to the API server and
// returns the code of its answer.
func Postpone(fault Fault) (postpone Fault, deliver func() int) {
	late := make(chan func() int, 1)
	postpone = func(e exchange) {
		body, _ := io.ReadAll(e.r.Body)
		request := e.r.Clone(context.WithoutCancel(e.r.Context()))
		request.Body = io.NopCloser(bytes.NewReader(body))
		late <- func() int { return exchange{r: request, proxy: e.proxy}.pass().Code }
		fault(e)
	}
	return postpone, func() int { return (<-late)() }
}

// Cut breaks the connection (with HTTP/2 the stream) without an answer.
func Cut(exchange) { panic(http.ErrAbortHandler) }

// CutInHeader breaks the connection in the middle of the answer's header. It requires
// HTTP/1.
func CutInHeader(e exchange) {
	answer := e.pass()
	hijacker, ok := e.w.(http.Hijacker)
	if !ok {
		panic("CutInHeader is for HTTP/1")
	}
	conn, rw, err := hijacker.Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer conn.Close()
	writeBeginning(rw.Writer, answer.Code)
}

func writeBeginning(w *bufio.Writer, code int) {
	fmt.Fprintf(w, "HTTP/1.1 %d %s\r\nContent-Type: applic", code, http.StatusText(code))
	_ = w.Flush() // the client may be gone
}

// CutInBody breaks the connection in the middle of the answer's body.
func CutInBody(e exchange) {
	answer := e.pass()
	body := answer.Body.Bytes()
	header := answer.Header().Clone()
	header.Set("Content-Length", strconv.Itoa(len(body)))
	e.answer(answer.Code, header, body[:len(body)/2])
	_ = http.NewResponseController(e.w).Flush()
	panic(http.ErrAbortHandler)
}

// Truncate ends the body of the answer early, without an error.
func Truncate(e exchange) {
	answer := e.pass()
	header := answer.Header().Clone()
	header.Del("Content-Length")
	e.answer(answer.Code, header, answer.Body.Bytes()[:answer.Body.Len()/2])
}

// Delay passes the request on to the API server after a delay.
func Delay(by time.Duration) Fault {
	return func(e exchange) {
		if e.wait(by) {
			e.proxy.upstream.ServeHTTP(e.w, e.r)
		}
	}
}

// DelayAnswer passes the request on to the API server and sends the answer after a
// delay.
func DelayAnswer(by time.Duration) Fault {
	return func(e exchange) {
		answer := e.pass()
		if e.wait(by) {
			e.answer(answer.Code, answer.Header(), answer.Body.Bytes())
		}
	}
}

// Hang never answers.
func Hang(e exchange) {
	// The server notices a closed connection only after it has read the body.
	_, _ = io.Copy(io.Discard, e.r.Body)
	select {
	case <-e.r.Context().Done():
	case <-e.proxy.closing:
	}
	panic(http.ErrAbortHandler)
}

// Do calls a function before it passes the request on to the API server.
func Do(before func()) Fault {
	return func(e exchange) { before(); e.proxy.upstream.ServeHTTP(e.w, e.r) }
}

// Hold calls a function and never answers.
func Hold(then func()) Fault {
	return func(e exchange) { then(); Hang(e) }
}

func (e exchange) wait(by time.Duration) bool {
	timer := time.NewTimer(by)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-e.proxy.closing:
		return false
	}
}
