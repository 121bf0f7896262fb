package api

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/apitest"
)

// served returns a client of a server with this handler.
func served(t *testing.T, handler http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	client, err := New(&rest.Config{Host: server.URL}, "", 0, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// small is a list with small limits.
var small = List{Path: []string{"pools"}, Kind: "IPPoolList", APIVersion: "v1", MaxBytes: 8 << 20, MaxItems: 100, MaxMemory: 1000}

// readSmall reads a small list whose items take one byte each.
func readSmall(ctx context.Context, client *Client) (items int, err error) {
	_, err = client.ReadList(ctx, listing, small, func([]byte) (int, error) { items++; return 1, nil })
	return items, err
}

// An answer is not read beyond its limit, whether it is endless, small until it is
// decompressed, or an error.
func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	const head = `{"kind":"IPPoolList","apiVersion":"v1","metadata":{},"items":[`
	write := func(begin, then string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, begin)
			_, _ = io.Copy(w, repeated(then))
		}
	}
	fail := func(code int, contentType string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(code)
			_, _ = io.Copy(w, repeated("a"))
		}
	}
	for name, tt := range map[string]struct {
		serve      http.HandlerFunc
		list, call string
	}{
		"endless":           {write("", "\x00"), "the response is not a list of the Kubernetes API", "the response is larger than 3145728 bytes"},
		"white space":       {write("", " "), "has an item or a field larger than 3145728 bytes", "is larger than 3145728 bytes"},
		"a field":           {write(`{"kind":"`, "a"), "has an item or a field larger than 3145728 bytes", "is larger than 3145728 bytes"},
		"an item":           {write(head+`"`, "a"), "has an item or a field larger than 3145728 bytes", "is larger than 3145728 bytes"},
		"nested":            {write(head, "["), "the response is not a list", "is larger than 3145728 bytes"},
		"items":             {write(head, "{},"), "has more than 100 items", "is larger than 3145728 bytes"},
		"fields":            {write(`{`, `"a":0,`), "the response is not a list", "is larger than 3145728 bytes"},
		"fields of an item": {write(head+`{"a":[`+strings.Repeat("0,", 200_000)+`0]}]}`, " "), "has an item with more than 100000 fields", ""},
		"compressed": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.Copy(gzip.NewWriter(w), repeated(" "))
		}, "has an item or a field larger than 3145728 bytes", "is larger than 3145728 bytes"},
		"a compressed error": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.Copy(gzip.NewWriter(w), repeated(" "))
		}, "is larger than 1048576 bytes", "is larger than 1048576 bytes"},
		"forbidden":   {fail(http.StatusForbidden, "application/json"), "is larger than 1048576 bytes", "is larger than 1048576 bytes"},
		"unavailable": {fail(http.StatusServiceUnavailable, "text/html"), "is larger than 1048576 bytes", "is larger than 1048576 bytes"},
		"not found":   {fail(http.StatusNotFound, "application/yaml"), "is larger than 1048576 bytes", "is larger than 1048576 bytes"},
		"redirected":  {fail(http.StatusFound, "text/html"), "is larger than 1048576 bytes", "is larger than 1048576 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := served(t, tt.serve)
			begin := time.Now()
			_, err := readSmall(t.Context(), client)
			require.ErrorContains(t, err, tt.list)
			assert.False(t, datastore.Retryable(err), "a retry does not help")
			if tt.call != "" {
				_, err = client.Call(t.Context(), listing, client.Get("any"))
				require.ErrorContains(t, err, "the response "+strings.TrimPrefix(tt.call, "the response "))
				require.True(t, IsEndless(err))
				assert.False(t, datastore.Retryable(err), "a retry does not help")
			}
			limit := 10 * time.Second
			if testing.Short() { // with the race detector
				limit = time.Minute
			}
			assert.Less(t, time.Since(begin), limit)
		})
	}
}

// repeated returns a reader of a text without end.
func repeated(text string) io.Reader { return &repeating{text: text} }

type repeating struct {
	text string
	next int
}

func (r *repeating) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = r.text[r.next]
		r.next = (r.next + 1) % len(r.text)
	}
	return len(p), nil
}

// An object and a list of exactly the limit are read.
func TestAnswersOfTheLargestSize(t *testing.T) {
	t.Parallel()
	size := maxObjectBytes
	client := served(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, size)) })
	body, err := client.Call(t.Context(), listing, client.Get("any"))
	require.NoError(t, err)
	assert.Len(t, body, size)
	size++
	_, err = client.Call(t.Context(), listing, client.Get("any"))
	require.Error(t, err)

	for items, want := range map[int]string{100: "", 101: "has more than 100 items"} {
		client := served(t, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"kind":"IPPoolList","apiVersion":"v1","items":[{}`+strings.Repeat(",{}", items-1)+`]}`)
		})
		read, err := readSmall(t.Context(), client)
		if want == "" {
			require.NoError(t, err)
			assert.Equal(t, items, read)
			continue
		}
		require.ErrorContains(t, err, want)
	}
}

// All pages together have the limits of a list, and their number is limited.
func TestPagesAreBounded(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		page func(number int) string // metadata.continue and items
		want string
	}{
		"the same token":        {func(int) string { return `{"continue":"x"},"items":[{}]` }, "the list has no end: two pages have the same continue token"},
		"the same token, empty": {func(int) string { return `{"continue":"x"},"items":[]` }, "the list has no end: two pages have the same continue token"},
		"empty pages for ever":  {func(i int) string { return fmt.Sprintf(`{"continue":"%d"},"items":[]`, i) }, "the response has more than 1000 pages"},
		"two tokens in turn":    {func(i int) string { return fmt.Sprintf(`{"continue":"%d"},"items":[]`, i%2) }, "the response has more than 1000 pages"},
		"items for ever":        {func(i int) string { return fmt.Sprintf(`{"continue":"%d"},"items":[{}]`, i) }, "the response has more than 100 items"},
		"bytes for ever": {func(i int) string {
			return fmt.Sprintf(`{"continue":"%d"},"items":[]%s`, i, strings.Repeat(" ", 1<<20))
		}, "the response is larger than 8388608 bytes"},
		"another list afterwards": {func(i int) string { return fmt.Sprintf(`{"continue":"%d"},"items":[{}],"kind":"PodList"`, i) }, "the response is not a list"},
		"no items afterwards": {func(i int) string {
			if i > 1 {
				return `{}`
			}
			return `{"continue":"x"},"items":[{}]`
		}, "the response is not a list"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requests := 0
			client := reaching(t, rest.Config{}, apitest.RoundTripper(func(request *http.Request) (*http.Response, error) {
				requests++
				return apitest.JSON(200, `{"apiVersion":"v1","kind":"IPPoolList","metadata":`+tt.page(requests)+`}`).To(request), nil
			}))
			_, err := readSmall(t.Context(), client)
			require.ErrorContains(t, err, tt.want)
			assert.False(t, datastore.Retryable(err))
			assert.LessOrEqual(t, requests, maxPages)
		})
	}
}

// What is kept is limited.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	client := reaching(t, rest.Config{}, apitest.Always(apitest.JSON(200, `{"kind":"IPPoolList","apiVersion":"v1","items":[{},{}]}`)))
	for each, fits := range map[int]bool{500: true, 501: false} {
		_, err := client.ReadList(t.Context(), listing, small, func([]byte) (int, error) { return each, nil })
		if fits {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, "the response takes more than 1000 bytes of memory")
	}
}

// The context ends the decoding of a response, whose bytes keep coming.
func TestDecodingHeedsTheContext(t *testing.T) {
	t.Parallel()
	unlimited := small
	unlimited.MaxBytes, unlimited.MaxItems, unlimited.MaxMemory = 1<<60, 1<<60, 1<<60
	client := reaching(t, rest.Config{}, apitest.RoundTripper(func(request *http.Request) (*http.Response, error) {
		response := apitest.JSON(200, "").To(request)
		response.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"items":[`), repeated("{},")))
		return response, nil
	}))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begin := time.Now()
	_, err := client.ReadList(ctx, listing, unlimited, func([]byte) (int, error) { return 0, nil })
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Less(t, time.Since(begin), 5*time.Second)
}

// Only some of many reasons are reported.
func TestReasonsAreBounded(t *testing.T) {
	t.Parallel()
	var causes []string
	for i := range 300 {
		causes = append(causes, fmt.Sprintf(`{"message":"m","field":"f%d"}`, i))
	}
	_, err := call(t, reaching(t, rest.Config{}, apitest.Always(apitest.JSON(422,
		`{"kind":"Status","apiVersion":"v1","status":"Failure","code":422,"details":{"causes":[`+strings.Join(causes, ",")+`]}}`))), creating)
	require.ErrorIs(t, err, datastore.ErrRefused)
	lines := strings.Split(err.Error(), "\n")
	require.Len(t, lines, 101)
	assert.True(t, strings.HasSuffix(lines[100], "and 200 more reasons"), lines[100])
}
