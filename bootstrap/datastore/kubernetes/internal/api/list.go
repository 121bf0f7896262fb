package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
)

// listReader reads the pages of a list. It holds one item at a time.
type listReader struct {
	List
	keep func(item []byte) (int, error)

	keepName func(name []byte) int // of a list of names; nil: of objects
	ahead    func(token string)    // requests the next page; nil: it is requested when this one is complete

	pages, items    int
	bytes, memory   int64
	resourceVersion string // of the last page; all pages have the same
	next            string // continue token of the last page; empty: it was the last

	raw json.RawMessage // the current item
}

// readPage reads a page. Anything but one complete list of the expected kind is
// ErrNoList; an error of the connection is returned as it is.
func (l *listReader) readPage(ctx context.Context, body io.Reader) error {
	l.pages++
	in := &source{ctx: ctx, body: body, left: l.MaxBytes - l.bytes, limit: l.MaxBytes}
	err := l.decodePage(in)
	l.bytes += in.count
	switch {
	case in.err != nil:
		return in.err
	case err != nil && !IsEndless(err):
		return ErrNoList // the decoder's error may quote the response
	}
	return err
}

// decodePage decodes a page: protobuf if it begins like that, else JSON.
func (l *listReader) decodePage(in *source) error {
	if l.keepName == nil {
		return l.decode(json.NewDecoder(in), in)
	}
	in.allowed = int64(len(protobufMagic))
	begin := make([]byte, len(protobufMagic))
	n, _ := io.ReadFull(in, begin) // an error is one of the rest, too
	if string(begin) == protobufMagic {
		return l.decodeProtobuf(in)
	}
	return l.decode(json.NewDecoder(io.MultiReader(bytes.NewReader(begin[:n]), in)), in)
}

// take checks the number of items and the memory that keep returns for another one.
func (l *listReader) take(keep func() (int, error)) error {
	if l.items++; l.items > l.MaxItems {
		return &LimitError{Exceeded: TooManyItems, Limit: int64(l.MaxItems)}
	}
	memory, err := keep()
	if err != nil {
		return err
	}
	if l.memory += int64(memory); l.memory > l.MaxMemory {
		return &LimitError{Exceeded: TooMuchMemory, Limit: l.MaxMemory}
	}
	return nil
}

// begins has the next page requested, if there is one.
func (l *listReader) begins(next string) {
	if l.ahead != nil && next != "" {
		l.ahead(next)
	}
}

// maxListFields limits the fields of a page. A list has four.
const maxListFields = 100

// decode decodes a page. Fields may be in any order, but not twice.
func (l *listReader) decode(decoder *json.Decoder, in *source) error {
	if err := delim(decoder, in, '{'); err != nil {
		return err
	}
	var (
		kind, apiVersion string
		metadata         struct {
			ResourceVersion string `json:"resourceVersion"`
			Continue        string `json:"continue"`
		}
		seen = map[string]bool{}
	)
	for in.allow(decoder); decoder.More(); in.allow(decoder) {
		field, err := decoder.Token()
		if err != nil {
			return err
		}
		in.allow(decoder)
		name, _ := field.(string)
		switch name {
		case "kind":
			err = decoder.Decode(&kind)
		case "apiVersion":
			err = decoder.Decode(&apiVersion)
		case "metadata":
			if err = decoder.Decode(&metadata); err == nil {
				l.begins(metadata.Continue)
			}
		case "items":
			err = l.decodeItems(decoder, in)
		default: // a newer API server may have more
			err = decoder.Decode(&l.raw)
		}
		if err != nil {
			return err
		}
		if seen[name] || len(seen) > maxListFields {
			return errors.New("a field occurs twice, or there are too many")
		}
		seen[name] = true
	}
	if err := delim(decoder, in, '}'); err != nil {
		return err
	}
	in.allow(decoder)
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value")
	}
	if kind != l.Kind || apiVersion != l.APIVersion || !seen["items"] {
		return errors.New("another kind, or no items")
	}
	l.resourceVersion, l.next = metadata.ResourceVersion, metadata.Continue
	return nil
}

func (l *listReader) decodeItems(decoder *json.Decoder, in *source) error {
	in.allow(decoder)
	switch token, err := decoder.Token(); {
	case err != nil:
		return err
	case token == nil && l.keepName != nil: // an API server's empty list of metadata
		return nil
	case token != json.Delim('['):
		return errors.New("items are not an array")
	}
	for in.allow(decoder); decoder.More(); in.allow(decoder) {
		if err := decoder.Decode(&l.raw); err != nil {
			return err
		}
		err := l.take(func() (int, error) {
			// An upper bound: texts have commas, too.
			if bytes.Count(l.raw, []byte{','}) > maxObjectFields {
				return 0, &LimitError{Exceeded: TooManyFields, Limit: maxObjectFields}
			}
			return l.keep(l.raw)
		})
		if err != nil {
			return err
		}
	}
	return delim(decoder, in, ']')
}

// delim reads a delimiter.
func delim(decoder *json.Decoder, in *source, want json.Delim) error {
	in.allow(decoder)
	token, err := decoder.Token()
	if err == nil && token != want {
		err = errors.New("unexpected value")
	}
	return err
}

// source is the body of a page for a decoder. It limits the size of the page, and of
// each value in it, which a decoder holds in memory.
type source struct {
	ctx     context.Context
	body    io.Reader
	left    int64 // bytes of the page that may be read
	limit   int64 // what left was for the first page
	count   int64 // bytes that were read
	allowed int64 // count may not exceed it
	err     error // other than io.EOF
}

// allow has the decoder read another value.
func (s *source) allow(decoder *json.Decoder) { s.allowed = decoder.InputOffset() + maxObjectBytes }

func (s *source) Read(p []byte) (int, error) {
	switch {
	case s.err != nil:
	case s.ctx.Err() != nil:
		s.err = s.ctx.Err()
	case s.count > s.left:
		s.err = &LimitError{Exceeded: TooManyBytes, Limit: s.limit}
	case s.count >= s.allowed:
		s.err = &LimitError{Exceeded: ItemTooLarge, Limit: maxObjectBytes}
	}
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.body.Read(p[:min(int64(len(p)), s.allowed-s.count)])
	s.count += int64(n)
	if !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}
