package api

import (
	"bufio"
	"errors"
	"io"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

var errTwice = errors.New("a field occurs twice")

// protobufMagic begins an object in the protobuf of Kubernetes. A runtime.Unknown follows.
const protobufMagic = "k8s\x00"

// The fields that are decoded (k8s.io/apimachinery, generated.proto).
const (
	unknownTypeMeta, unknownRaw, unknownEncoding, unknownContentType = 1, 2, 3, 4 // runtime.Unknown
	typeMetaAPIVersion, typeMetaKind                                 = 1, 2       // runtime.TypeMeta
	listMetadata, listItem                                           = 1, 2       // PartialObjectMetadataList
	listMetaResourceVersion, listMetaContinue                        = 2, 3       // ListMeta
	itemMetadata, metadataName                                       = 1, 1       // PartialObjectMetadata, ObjectMeta
)

// decodeProtobuf decodes a page after its magic. It has the rules of decode: fields may be in
// any order, but not twice, and unknown ones are ignored. It holds one item at a time, and
// neither decodes nor checks more of it than the way to its name.
func (l *listReader) decodeProtobuf(in *source) error {
	in.allowed = math.MaxInt64 // the sizes of items and fields are known before they are read
	var (
		m    = &message{in: bufio.NewReaderSize(in, 32<<10), left: math.MaxInt64, unbounded: true}
		seen = map[protowire.Number]bool{}
		kind []byte // of the list, a TypeMeta
	)
	err := m.fields(unknownContentType, func(number protowire.Number, size int64) error {
		if seen[number] && number <= unknownContentType {
			return errTwice
		}
		seen[number] = true
		switch number {
		case unknownTypeMeta:
			value, err := m.bytes(size)
			kind = append(kind, value...)
			return err
		case unknownRaw:
			m.left -= size
			return l.decodeNames(&message{in: m.in, left: size})
		case unknownEncoding:
			if size > 0 {
				return errors.New("the list is encoded")
			}
		}
		return m.skip(size)
	})
	if err != nil {
		return err
	}
	apiVersion, err := field(kind, typeMetaAPIVersion)
	if err != nil {
		return err
	}
	if kind, err = field(kind, typeMetaKind); err != nil {
		return err
	}
	if string(kind) != l.Kind || string(apiVersion) != l.APIVersion || !seen[unknownRaw] {
		return errors.New("another kind, or no list")
	}
	return nil
}

// decodeNames decodes the list of a page.
func (l *listReader) decodeNames(m *message) error {
	var metadata bool
	var next, resourceVersion string
	err := m.fields(listItem, func(number protowire.Number, size int64) error {
		if number != listMetadata && number != listItem {
			return m.skip(size)
		}
		value, err := m.bytes(size)
		switch {
		case err != nil:
			return err
		case number == listItem:
			return l.take(func() (int, error) {
				name, err := field(value, itemMetadata)
				if err == nil {
					name, err = field(name, metadataName)
				}
				if err != nil || len(name) == 0 {
					return 0, ErrNoList
				}
				return l.keepName(name), nil
			})
		case metadata:
			return errTwice
		}
		metadata = true
		token, err := field(value, listMetaContinue)
		if err != nil {
			return err
		}
		version, err := field(value, listMetaResourceVersion)
		next, resourceVersion = string(token), string(version)
		l.begins(next)
		return err
	})
	l.next, l.resourceVersion = next, resourceVersion
	return err
}

// message is a protobuf message that is read field by field.
type message struct {
	in        *bufio.Reader
	left      int64 // bytes that are not read yet
	unbounded bool  // it ends with the stream
	others    int   // unknown fields
	buf       []byte
}

// fields calls use for each field that has a size, and use has to read it. Other fields are
// skipped, unless they have the number of a known one: up to that, all have a size.
func (m *message) fields(known protowire.Number, use func(number protowire.Number, size int64) error) error {
	for m.left > 0 {
		tag, err := m.varint()
		if m.unbounded && errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		number, kind := protowire.DecodeTag(tag)
		if m.others++; number <= known {
			m.others = 0
		}
		switch {
		case !number.IsValid() || number <= known && kind != protowire.BytesType || m.others > maxListFields:
			return errors.New("unexpected field")
		case kind == protowire.VarintType:
			_, err = m.varint()
		case kind == protowire.Fixed32Type:
			err = m.skip(4)
		case kind == protowire.Fixed64Type:
			err = m.skip(8)
		case kind == protowire.BytesType:
			var size uint64
			if size, err = m.varint(); err != nil || size > uint64(m.left) {
				return io.ErrUnexpectedEOF
			}
			err = use(number, int64(size))
		default: // a group, which Kubernetes does not use
			return errors.New("unexpected type")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// varint reads a number. The error is io.EOF if there are no more bytes.
func (m *message) varint() (uint64, error) {
	begin, err := m.in.Peek(int(min(m.left, 10)))
	if len(begin) == 0 {
		return 0, err
	}
	value, n := protowire.ConsumeVarint(begin)
	if n < 0 {
		return 0, io.ErrUnexpectedEOF
	}
	return value, m.skip(int64(n))
}

// bytes reads a field. The next call overwrites it.
func (m *message) bytes(size int64) ([]byte, error) {
	if size > maxObjectBytes {
		return nil, &LimitError{Exceeded: ItemTooLarge, Limit: maxObjectBytes}
	}
	if int64(cap(m.buf)) < size {
		m.buf = make([]byte, size)
	}
	m.left -= size
	_, err := io.ReadFull(m.in, m.buf[:size])
	return m.buf[:size], err
}

// skip reads a field that is ignored.
func (m *message) skip(size int64) error {
	switch {
	case size > maxObjectBytes:
		return &LimitError{Exceeded: ItemTooLarge, Limit: maxObjectBytes}
	case size > m.left:
		return io.ErrUnexpectedEOF
	}
	m.left -= size
	_, err := m.in.Discard(int(size))
	return err
}

// field returns the last value of a field of a message; none if it is absent. The field has a
// size.
func field(message []byte, number protowire.Number) (value []byte, err error) {
	for len(message) > 0 {
		n, kind, tag := protowire.ConsumeTag(message)
		if tag < 0 {
			return nil, protowire.ParseError(tag)
		}
		size := protowire.ConsumeFieldValue(n, kind, message[tag:])
		if size < 0 {
			return nil, protowire.ParseError(size)
		}
		if n == number {
			if kind != protowire.BytesType {
				return nil, errors.New("unexpected type")
			}
			value, _ = protowire.ConsumeBytes(message[tag:])
		}
		message = message[tag+size:]
	}
	return value, nil
}
