package api

import (
	"context"
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// acceptMetadata requests metadata only, as protobuf where the API server has that. Plain
// JSON is for the Status of a failure, which can't be requested as metadata.
const acceptMetadata = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1," +
	"application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"

// ReadNames reads the names of the objects of a list, whose kind it ignores. It requests no
// more than their metadata, and the next page before it decodes one. keep returns how many
// bytes of memory it keeps, about. It must not keep the name itself, and nothing that it kept is
// valid if ReadNames returns an error. Its errors are explained.
func (c *Client) ReadNames(ctx context.Context, action Action, list List, keep func(name []byte) (memory int)) error {
	list.Kind, list.APIVersion = "PartialObjectMetadataList", metav1.SchemeGroupVersion.String()
	return c.readPages(ctx, action, &listReader{List: list, keepName: keep, keep: func(item []byte) (int, error) {
		var object struct {
			Metadata struct {
				Name string `json:"name"`
			} `json:"metadata"`
		}
		if json.Unmarshal(item, &object) != nil || object.Metadata.Name == "" {
			return 0, ErrNoList
		}
		return keep([]byte(object.Metadata.Name)), nil
	}})
}
