package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/apitest"
)

// metadataList returns a list as an API server has it.
func metadataList(next string, names ...string) *metav1.PartialObjectMetadataList {
	fields := new(metav1.FieldsV1)
	_ = fields.UnmarshalJSON([]byte(`{"f:spec":{}}`)) // never fails
	list := &metav1.PartialObjectMetadataList{ListMeta: metav1.ListMeta{ResourceVersion: "7", Continue: next}}
	for _, name := range names {
		list.Items = append(list.Items, metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
			Name: name, UID: "8d5f0b1a", Annotations: map[string]string{"a": "b"}, CreationTimestamp: metav1.Unix(1, 0),
			ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "m", FieldsV1: fields}},
		}})
	}
	return list
}

// wrapped returns the response for a list in protobuf, with apimachinery's encoder.
func wrapped(tb testing.TB, list *metav1.PartialObjectMetadataList, changes ...func(*runtime.Unknown)) []byte {
	tb.Helper()
	raw, err := list.Marshal()
	require.NoError(tb, err)
	unknown := runtime.Unknown{TypeMeta: runtime.TypeMeta{APIVersion: "meta.k8s.io/v1", Kind: "PartialObjectMetadataList"}, Raw: raw}
	for _, change := range changes {
		change(&unknown)
	}
	body, err := unknown.Marshal()
	require.NoError(tb, err)
	return append([]byte(protobufMagic), body...)
}

func inJSON(tb testing.TB, list *metav1.PartialObjectMetadataList) []byte {
	tb.Helper()
	list.Kind, list.APIVersion = "PartialObjectMetadataList", "meta.k8s.io/v1"
	body, err := json.Marshal(list)
	require.NoError(tb, err)
	return body
}

// readNames reads the names of a list with small limits.
func readNames(ctx context.Context, client *Client) (names []string, err error) {
	err = client.ReadNames(ctx, listing, small, func(name []byte) int { names = append(names, string(name)); return 1 })
	return names, err
}

// answers returns a client to which every response has this body.
func answers(t *testing.T, body []byte) *Client {
	t.Helper()
	return reaching(t, rest.Config{}, apitest.Always(apitest.Answer{Code: http.StatusOK, Body: string(body)}))
}

// Names are the same in protobuf and in JSON, whatever the API server has.
func TestNames(t *testing.T) {
	t.Parallel()
	for _, names := range [][]string{nil, {"a"}, {"10-244-0-0-26", "fd00-10-244--40-122", strings.Repeat("a", 253)}} {
		for _, body := range [][]byte{wrapped(t, metadataList("", names...)), inJSON(t, metadataList("", names...))} {
			got, err := readNames(t.Context(), answers(t, body))
			require.NoError(t, err, "%q", body)
			assert.Equal(t, names, got)
		}
	}
	unknownFields := protowire.AppendVarint(protowire.AppendTag(nil, 9, protowire.VarintType), 5)
	unknownFields = protowire.AppendFixed32(protowire.AppendTag(unknownFields, 10, protowire.Fixed32Type), 5)
	unknownFields = protowire.AppendFixed64(protowire.AppendTag(unknownFields, 11, protowire.Fixed64Type), 5)
	unknownFields = protowire.AppendBytes(protowire.AppendTag(unknownFields, 12, protowire.BytesType), []byte("x"))
	body := wrapped(t, metadataList("", "a"), func(u *runtime.Unknown) { u.Raw = append(u.Raw, unknownFields...) })
	got, err := readNames(t.Context(), answers(t, append(body, unknownFields...)))
	require.NoError(t, err, "a newer API server may have more fields")
	assert.Equal(t, []string{"a"}, got)
}

// A response in protobuf that is no complete list of metadata is an error, at every byte where
// it is cut.
func TestNamesOfLies(t *testing.T) {
	t.Parallel()
	list := metadataList("", "a", "b")
	whole := wrapped(t, list)
	for i := range whole {
		_, err := readNames(t.Context(), answers(t, whole[:i]))
		if i == len(whole)-2 || i == len(whole)-4 { // after the list, between empty fields
			require.NoError(t, err)
			continue
		}
		require.ErrorIs(t, err, ErrNoList, "cut at %d", i)
	}
	magic := []byte(protobufMagic)
	raw := func(b []byte) func(*runtime.Unknown) { return func(u *runtime.Unknown) { u.Raw = b } }
	tag := func(number protowire.Number, kind protowire.Type, rest ...byte) []byte {
		return append(protowire.AppendTag(nil, number, kind), rest...)
	}
	huge := protowire.AppendVarint(nil, 1<<63)
	for name, body := range map[string][]byte{
		"wrong magic":            append([]byte("k8s\x01"), whole[4:]...),
		"no magic":               whole[4:],
		"another kind":           wrapped(t, list, func(u *runtime.Unknown) { u.Kind = "PodList" }),
		"another version":        wrapped(t, list, func(u *runtime.Unknown) { u.APIVersion = "v1" }),
		"no kind":                wrapped(t, list, func(u *runtime.Unknown) { u.TypeMeta = runtime.TypeMeta{} }),
		"encoded":                wrapped(t, list, func(u *runtime.Unknown) { u.ContentEncoding = "gzip" }),
		"two lists":              append(whole[:len(whole):len(whole)], whole[4:]...),
		"two metadata":           wrapped(t, list, raw([]byte{0x0a, 0, 0x0a, 0})),
		"no name":                wrapped(t, metadataList("", "a", "")),
		"item without metadata":  wrapped(t, list, raw(tag(2, protowire.BytesType, 0))),
		"item is a number":       wrapped(t, list, raw(tag(2, protowire.VarintType, 1))),
		"name is a number":       wrapped(t, list, raw(tag(2, protowire.BytesType, 4, 0x0a, 2, 8, 1))),
		"unknown wire type":      wrapped(t, list, raw(tag(9, 7, 1))),
		"group":                  wrapped(t, list, raw(tag(9, protowire.StartGroupType))),
		"field zero":             wrapped(t, list, raw([]byte{2, 0})),
		"size beyond the item":   wrapped(t, list, raw(tag(2, protowire.BytesType, 2, 0x0a, 9))),
		"size beyond the list":   wrapped(t, list, raw(tag(2, protowire.BytesType, 100))),
		"number beyond the list": wrapped(t, list, raw(tag(9, protowire.Fixed32Type))),
		"endless varint":         append(magic[:4:4], 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
		"negative size":          append(append(magic[:4:4], tag(2, protowire.BytesType)...), huge...),
		"raw is a number":        append(magic[:4:4], tag(2, protowire.VarintType, 1)...),
		"many fields":            append(magic[:4:4], strings.Repeat("\x48\x01", 200)...),
		"a list of objects":      []byte(`{"kind":"PodList","apiVersion":"v1","items":[]}`),
	} {
		names, err := readNames(t.Context(), answers(t, body))
		require.ErrorIs(t, err, ErrNoList, name)
		assert.LessOrEqual(t, len(names), 2, name)
	}
	negative := metadataList("", "a")
	count := int64(-1)
	negative.RemainingItemCount = &count
	_, err := readNames(t.Context(), answers(t, wrapped(t, negative)))
	require.NoError(t, err, "counts have no effect")
}

// Lists of names have the limits of all lists, with the same errors in protobuf.
func TestNamesAreBounded(t *testing.T) {
	t.Parallel()
	many := make([]string, 101)
	for i := range many {
		many[i] = "a"
	}
	magic := []byte(protobufMagic)
	item := append(protowire.AppendTag(nil, 2, protowire.BytesType), 5, 0x0a, 3, 0x0a, 1, 'a')
	endless := protowire.AppendVarint(protowire.AppendTag(magic[:4:4], 2, protowire.BytesType), 1<<62)
	large := protowire.AppendVarint(protowire.AppendTag(endless[:len(endless):len(endless)], 2, protowire.BytesType), 4<<20)
	for name, tt := range map[string]struct {
		body io.Reader
		want string
	}{
		"items":         {strings.NewReader(string(wrapped(t, metadataList("", many...)))), "has more than 100 items"},
		"endless items": {io.MultiReader(strings.NewReader(string(endless)), repeated(string(item))), "has more than 100 items"},
		"a large item":  {io.MultiReader(strings.NewReader(string(large)), repeated("a")), "has an item or a field larger than 3145728 bytes"},
		"bytes": {io.MultiReader(strings.NewReader(string(endless)), repeated(string(
			protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), append([]byte{0x0a, 3, 0x0a, 1, 'a'}, protowire.AppendBytes([]byte{0x12}, make([]byte, 1<<20))...))))),
			"is larger than 8388608 bytes"},
	} {
		client := reaching(t, rest.Config{}, apitest.RoundTripper(func(request *http.Request) (*http.Response, error) {
			response := apitest.Answer{Code: http.StatusOK}.To(request)
			response.Body = io.NopCloser(tt.body)
			return response, nil
		}))
		_, err := readNames(t.Context(), client)
		require.ErrorContains(t, err, tt.want, name)
		require.True(t, IsEndless(err))
		assert.False(t, datastore.Retryable(err))
	}
	client := answers(t, wrapped(t, metadataList("", "a", "b")))
	err := client.ReadNames(t.Context(), listing, small, func([]byte) int { return 501 })
	require.ErrorContains(t, err, "takes more than 1000 bytes of memory")
}

// The next page is requested before the items of a page are complete, and decoded after them.
func TestNextPageIsRequestedAhead(t *testing.T) {
	t.Parallel()
	for name, encode := range map[string]func(testing.TB, *metav1.PartialObjectMetadataList) []byte{
		"protobuf": func(tb testing.TB, list *metav1.PartialObjectMetadataList) []byte { return wrapped(tb, list) },
		"JSON":     inJSON,
	} {
		requested := make([]chan struct{}, 4)
		for i := range requested {
			requested[i] = make(chan struct{})
		}
		client := reaching(t, rest.Config{}, apitest.RoundTripper(func(request *http.Request) (*http.Response, error) {
			page := 0
			_, _ = fmt.Sscan(request.URL.Query().Get("continue"), &page)
			next := fmt.Sprint(page + 1)
			if page == 3 {
				next = ""
			}
			close(requested[page])
			body := encode(t, metadataList(next, fmt.Sprint(page), strings.Repeat("z", 70<<10)))
			rest := io.Reader(strings.NewReader(string(body[64<<10:])))
			if next != "" {
				rest = io.MultiReader(readerFunc(func([]byte) (int, error) {
					select {
					case <-requested[page+1]:
					case <-time.After(10 * time.Second):
						return 0, errors.New("the next page is not requested")
					}
					return 0, io.EOF
				}), rest)
			}
			response := apitest.Answer{Code: http.StatusOK}.To(request)
			response.Body = io.NopCloser(io.MultiReader(strings.NewReader(string(body[:64<<10])), rest))
			return response, nil
		}))
		names, err := readNames(t.Context(), client)
		require.NoError(t, err, name)
		require.Len(t, names, 8)
		for i := range 4 {
			assert.Equal(t, fmt.Sprint(i), names[2*i], "pages are in order")
		}
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// A page that fails ends the list. A page that was requested ahead is dropped.
func TestNamesFail(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	cut := wrapped(t, metadataList("2", "a", "b"))
	client := reaching(t, rest.Config{}, apitest.RoundTripper(func(request *http.Request) (*http.Response, error) {
		requests.Add(1)
		if request.URL.Query().Get("continue") != "" {
			<-request.Context().Done() // it is canceled
			return nil, request.Context().Err()
		}
		return apitest.Answer{Code: http.StatusOK, Body: string(cut[:len(cut)-1])}.To(request), nil
	}))
	_, err := readNames(t.Context(), client)
	require.ErrorIs(t, err, ErrNoList)
	assert.LessOrEqual(t, requests.Load(), int32(2))

	expires := reaching(t, rest.Config{}, apitest.RoundTripper(func(request *http.Request) (*http.Response, error) {
		if request.URL.Query().Get("continue") != "" {
			return apitest.Failure(410, "Expired", "too old").To(request), nil
		}
		return apitest.Answer{Code: http.StatusOK, Body: string(wrapped(t, metadataList("2", "a")))}.To(request), nil
	}))
	action := listing
	action.Restarts = true
	err = expires.ReadNames(t.Context(), action, small, func([]byte) int { return 1 })
	require.True(t, datastore.Retryable(err), "%v", err)

	repeats := answers(t, wrapped(t, metadataList("x", "a")))
	_, err = readNames(t.Context(), repeats)
	require.ErrorIs(t, err, ErrRepeats)
}

// FuzzNames compares the decoder with apimachinery's. What both decode is the same, and this
// one decodes every list that the other encodes.
func FuzzNames(f *testing.F) {
	f.Add(wrapped(f, metadataList("", "a", "b")))
	f.Add(wrapped(f, metadataList("next")))
	f.Add(wrapped(f, metadataList("", "a"), func(u *runtime.Unknown) { u.Raw = append(u.Raw, 0x48, 1) }))
	f.Add([]byte(protobufMagic))
	f.Add([]byte("k8s\x00\x12\x04\x12\x02\x0a\x00"))
	decode := func(body []byte) (*listReader, []string, error) {
		var names []string
		l := &listReader{List: small, keepName: func(name []byte) int { names = append(names, string(name)); return 1 }}
		l.Kind, l.APIVersion = "PartialObjectMetadataList", "meta.k8s.io/v1"
		err := l.readPage(context.Background(), strings.NewReader(string(body)))
		return l, names, err
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if !strings.HasPrefix(string(body), protobufMagic) {
			return
		}
		l, names, err := decode(body)
		if err != nil {
			require.True(t, errors.Is(err, ErrNoList) || IsEndless(err), "%v", err)
		}
		var unknown runtime.Unknown
		var list metav1.PartialObjectMetadataList
		if unknown.Unmarshal(body[len(protobufMagic):]) != nil || list.Unmarshal(unknown.Raw) != nil {
			return // malformed where only apimachinery looks, or everywhere
		}
		var want []string
		for _, item := range list.Items {
			want = append(want, item.Name)
			if item.Name == "" || len(want) > small.MaxItems {
				require.Error(t, err)
				return
			}
		}
		if err == nil {
			require.Equal(t, want, names)
			require.Equal(t, list.Continue, l.next)
			require.Equal(t, list.ResourceVersion, l.resourceVersion)
		}
		l, names, err = decode(wrapped(t, &list))
		require.NoError(t, err)
		require.Equal(t, want, names)
		require.Equal(t, list.Continue, l.next)
	})
}
