package api

import (
	"context"
	"io"
	"strconv"

	"k8s.io/client-go/rest"

	"github.com/calico-bootstrap/calico-bootstrap/internal/crash"
)

// List describes a list to read, and its limits.
type List struct {
	Path             []string
	Kind, APIVersion string // of the list; others are an error
	PageSize         int    // items per page; zero: the API server returns all items in one page

	MaxBytes  int64 // limit on the decompressed size of all pages
	MaxItems  int
	MaxMemory int64 // limit on the bytes that keep returns, summed up
}

// ReadList reads a list, page by page and item by item, and calls keep for each item.
// keep returns how many bytes of memory it keeps, about. It must not keep the item
// itself, and nothing that it kept is valid if ReadList returns an error. ReadList
// returns the resourceVersion of the list. Its errors are explained.
func (c *Client) ReadList(ctx context.Context, action Action, list List, keep func(item []byte) (memory int, err error)) (string, error) {
	reader := &listReader{List: list, keep: keep}
	if err := c.readPages(ctx, action, reader); err != nil {
		return "", err
	}
	return reader.resourceVersion, nil
}

// page is a page of a list that is being requested.
type page struct {
	token string        // continue token of the request; empty: the first page
	turn  chan struct{} // closed when the page may be decoded, after the previous one
	wait  crash.Group
	err   error // of the request, when wait is over
}

// readPages has the reader read all pages, one after the other. A list of names has the next
// page requested as soon as the continue token is known, before the items are decoded.
func (c *Client) readPages(ctx context.Context, action Action, l *listReader) error {
	ctx, cancel := context.WithCancel(ctx)
	var next *page
	begin := func(token string) {
		p := &page{token: token, turn: make(chan struct{})}
		next = p
		p.wait.Go(func() {
			p.err = c.read(ctx, action, c.pageRequest(l, token), func(ctx context.Context, body io.Reader) error {
				select {
				case <-p.turn:
				case <-ctx.Done():
					return ctx.Err()
				}
				return l.readPage(ctx, body)
			})
		})
	}
	defer func() {
		cancel()
		if next != nil {
			next.wait.Wait()
		}
	}()
	if l.keepName != nil {
		l.ahead = func(token string) {
			if next == nil && token != l.next && l.pages < maxPages {
				begin(token)
			}
		}
	}
	begin("")
	for {
		current := next
		next = nil
		close(current.turn)
		current.wait.Wait()
		switch {
		case current.err != nil:
			return current.err
		case l.next == "":
			return nil
		case l.next == current.token:
			return c.Explain(action, ErrRepeats)
		case l.pages == maxPages:
			return c.Explain(action, &LimitError{Exceeded: TooManyPages, Limit: maxPages})
		case next == nil:
			begin(l.next)
		}
	}
}

// pageRequest returns the request for the page of a continue token.
func (c *Client) pageRequest(l *listReader, token string) *rest.Request {
	request := c.Get(l.Path...)
	if l.keepName != nil {
		request.SetHeader("Accept", acceptMetadata)
	}
	if l.PageSize > 0 {
		request.Param("limit", strconv.Itoa(l.PageSize))
	}
	if token != "" {
		request.Param("continue", token)
	}
	return request
}
