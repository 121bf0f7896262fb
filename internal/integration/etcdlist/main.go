// Command etcdlist lists the pools with etcd's client and does nothing else. It is the
// baseline for the program's performance.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	client, err := clientv3.New(clientv3.Config{Endpoints: strings.Fields(os.Getenv("ETCD_ENDPOINTS"))})
	if err != nil {
		return err
	}
	defer client.Close()
	list, err := client.Get(context.Background(), "/calico/resources/v3/projectcalico.org/ippools/", clientv3.WithPrefix())
	if err != nil {
		return err
	}
	fmt.Println(len(list.Kvs), "pools")
	return nil
}
