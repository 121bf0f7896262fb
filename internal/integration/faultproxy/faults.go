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

// Fault is what becomes of a request.
type Fault func(exchange)

type exchange struct {
	w     http.ResponseWriter
	r     *http.Request
	proxy *HTTP
}

// pass lets the API server do what is asked and keeps its answer.
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

// Answer answers in place of the API server, which never hears of it.
func Answer(code int, header http.Header, body string) Fault {
	return func(e exchange) { e.answer(code, header, []byte(body)) }
}

// Status answers as an API server does that fails. Without seconds nothing is
// said of when to come again.
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

// Page answers as a load balancer does that has nobody behind it: with a page,
// on which every time stands something else.
func Page(code int) Fault {
	return func(e exchange) {
		e.answer(code, http.Header{"Content-Type": {"text/html"}},
			fmt.Appendf(nil, "<html>\n<head><title>%d %s</title></head>\n<body>Request %d</body>\n</html>\n",
				code, http.StatusText(code), time.Now().UnixNano()))
	}
}

// After lets the API server do what is asked, and then gives another answer
// than its own.
func After(fault Fault) Fault {
	return func(e exchange) { e.pass(); fault(e) }
}

// Postpone answers with the fault, and has the API server do what was asked when
// deliver is called, which returns its code.
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

// Cut breaks the connection without an answer, in HTTP/2 the stream.
func Cut(exchange) { panic(http.ErrAbortHandler) }

// CutInHeader breaks the connection in the middle of the answer's header.
// HTTP/2 knows no such thing.
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

// Truncate ends the body of the answer early, as if that were all.
func Truncate(e exchange) {
	answer := e.pass()
	header := answer.Header().Clone()
	header.Del("Content-Length")
	e.answer(answer.Code, header, answer.Body.Bytes()[:answer.Body.Len()/2])
}

// Delay lets the API server answer so much later.
func Delay(by time.Duration) Fault {
	return func(e exchange) {
		if e.wait(by) {
			e.proxy.upstream.ServeHTTP(e.w, e.r)
		}
	}
}

// DelayAnswer lets the API server do what is asked at once, and the client hear
// of it so much later.
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
	// The server learns that the client has gone only behind the body.
	_, _ = io.Copy(io.Discard, e.r.Body)
	select {
	case <-e.r.Context().Done():
	case <-e.proxy.closing:
	}
	panic(http.ErrAbortHandler)
}

// Do lets something happen in the test, before the API server hears of the
// request.
func Do(what func()) Fault {
	return func(e exchange) { what(); e.proxy.upstream.ServeHTTP(e.w, e.r) }
}

// Hold lets something happen in the test, and never answers.
func Hold(what func()) Fault {
	return func(e exchange) { what(); Hang(e) }
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
