package bootstrap

import (
	"encoding/binary"
	"errors"
	"syscall"
)

// What package syscall leaves of netlink to be read: attributes within
// attributes.

var (
	native = binary.NativeEndian

	errNetlink = errors.New("the kernel's answer can't be read")
)

// attributesOf are a message's attributes by their type.
func attributesOf(message *syscall.NetlinkMessage) (map[uint16][]byte, error) {
	header := map[uint16]int{
		syscall.RTM_NEWLINK:  syscall.SizeofIfInfomsg,
		syscall.RTM_NEWADDR:  syscall.SizeofIfAddrmsg,
		syscall.RTM_NEWROUTE: syscall.SizeofRtMsg,
	}[message.Header.Type]
	if header == 0 || len(message.Data) < header {
		return nil, errNetlink
	}
	return parseAttributes(message.Data[header:])
}

func parseAttributes(data []byte) (map[uint16][]byte, error) {
	attributes := map[uint16][]byte{}
	for len(data) > 0 {
		length, err := lengthIn(data, syscall.SizeofRtAttr)
		if err != nil {
			return nil, err
		}
		attributes[native.Uint16(data[2:])] = data[syscall.SizeofRtAttr:length]
		data = data[min(aligned(length), len(data)):]
	}
	return attributes, nil
}

// lengthIn reads the length of what data begins with, which has at least a
// header of this size.
func lengthIn(data []byte, header int) (int, error) {
	if len(data) < header {
		return 0, errNetlink
	}
	length := int(native.Uint16(data))
	if length < header || length > len(data) {
		return 0, errNetlink
	}
	return length, nil
}

// aligned is where the next one begins.
func aligned(length int) int { return (length + 3) &^ 3 }
