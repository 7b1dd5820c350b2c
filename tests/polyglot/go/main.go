// The script with grpc-go: client ADDRESS SCRIPT.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"prismpolyglot/kv"
)

type step struct {
	Do, Key, Value, Prefix, Namespace, Reason, Domain string
	Expect                                            json.RawMessage
	Bytes, Count, After, Milliseconds                 int
	Code                                              codes.Code
}

type client struct {
	connection *grpc.ClientConn
	namespace  string
}

func (c *client) call(method string, request, reply proto.Message, options ...grpc.CallOption) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return c.connection.Invoke(ctx, "/prism.keyvalue.v1."+method, request, reply, options...)
}

func (c *client) write(key string, value []byte, options ...grpc.CallOption) error {
	return c.call("KeyValueBasic/Set", &kv.SetRequest{Namespace: c.namespace, Key: key, Value: value}, &kv.SetResponse{}, options...)
}

func (c *client) get(s step) error {
	reply := &kv.GetResponse{}
	if err := c.call("KeyValueBasic/Get", &kv.GetRequest{Namespace: c.namespace, Key: s.Key}, reply); err != nil {
		return err
	}
	var expect *string
	if err := json.Unmarshal(s.Expect, &expect); err != nil {
		return err
	}
	if reply.Found != (expect != nil) || (expect != nil && string(reply.Value) != *expect) {
		return fmt.Errorf("got %v", reply)
	}
	return nil
}

func (c *client) writeAndRead(s step, options ...grpc.CallOption) error {
	value := []byte(strings.Repeat("0123456789abcdef", s.Bytes/16))
	if err := c.write(s.Key, value, options...); err != nil {
		return err
	}
	reply := &kv.GetResponse{}
	if err := c.call("KeyValueBasic/Get", &kv.GetRequest{Namespace: c.namespace, Key: s.Key}, reply, options...); err != nil {
		return err
	}
	if !bytes.Equal(reply.Value, value) {
		return fmt.Errorf("another value came back")
	}
	return nil
}

func (c *client) fill(s step) error {
	for first := 0; first < s.Count; first += 500 {
		request := &kv.BatchSetRequest{Namespace: c.namespace}
		for i := first; i < first+500 && i < s.Count; i++ {
			request.Items = append(request.Items, &kv.BatchSetRequest_Item{
				Key: fmt.Sprintf("%s%06d", s.Prefix, i), Value: bytes.Repeat([]byte("x"), s.Bytes)})
		}
		reply := &kv.BatchSetResponse{}
		if err := c.call("KeyValueBatch/BatchSet", request, reply); err != nil {
			return err
		}
		for _, item := range reply.Items {
			if item.Status.GetCode() != 0 {
				return fmt.Errorf("an item failed: %v", item.Status)
			}
		}
	}
	return nil
}

func (c *client) open(ctx context.Context, method string, request proto.Message) (grpc.ClientStream, error) {
	stream, err := c.connection.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, method)
	if err != nil {
		return nil, err
	}
	if err := stream.SendMsg(request); err != nil {
		return nil, err
	}
	return stream, stream.CloseSend()
}

// Counts the entries of a Scan; after `cancelAfter` of them (0: never) it cancels and wants CANCELLED.
func (c *client) scan(prefix string, cancelAfter int) (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	stream, err := c.open(ctx, "/prism.keyvalue.v1.KeyValueScan/Scan", &kv.ScanRequest{Namespace: c.namespace, Prefix: prefix})
	if err != nil {
		return 0, err
	}
	for seen := 0; ; {
		message := &kv.ScanResponse{}
		if err := stream.RecvMsg(message); err != nil {
			if cancelAfter > 0 && status.Code(err) == codes.Canceled {
				return seen, nil
			}
			if cancelAfter == 0 && err.Error() == "EOF" {
				return seen, nil
			}
			return seen, err
		}
		if message.GetEntry() != nil {
			seen++
		}
		if cancelAfter > 0 && seen == cancelAfter {
			cancel()
		}
	}
}

func (c *client) deadline(s step) error {
	start := time.Now()
	limit := time.Duration(s.Milliseconds) * time.Millisecond
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	stream, err := c.open(ctx, "/grpc.health.v1.Health/Watch", &healthpb.HealthCheckRequest{})
	for err == nil {
		err = stream.RecvMsg(&healthpb.HealthCheckResponse{})
	}
	took := time.Since(start)
	if status.Code(err) != codes.DeadlineExceeded || took < limit*9/10 || took > limit+2*time.Second {
		return fmt.Errorf("ended with %v after %v", err, took)
	}
	return nil
}

func (c *client) failure(s step) error {
	err := c.call("KeyValueBasic/Get", &kv.GetRequest{Namespace: s.Namespace, Key: s.Key}, &kv.GetResponse{})
	if status.Code(err) != s.Code {
		return fmt.Errorf("got %v", err)
	}
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.Reason == s.Reason && info.Domain == s.Domain {
			return nil
		}
	}
	return fmt.Errorf("no ErrorInfo %s/%s in %v", s.Domain, s.Reason, status.Convert(err).Details())
}

func (c *client) run(s step) error {
	switch s.Do {
	case "set":
		return c.write(s.Key, []byte(s.Value))
	case "get":
		return c.get(s)
	case "large":
		return c.writeAndRead(s)
	case "gzip":
		return c.writeAndRead(s, grpc.UseCompressor(gzip.Name))
	case "fill":
		return c.fill(s)
	case "scan":
		seen, err := c.scan(s.Prefix, 0)
		if err == nil && fmt.Sprint(seen) != string(s.Expect) {
			err = fmt.Errorf("%d entries", seen)
		}
		return err
	case "scan_cancel":
		_, err := c.scan(s.Prefix, s.After)
		return err
	case "deadline":
		return c.deadline(s)
	case "error":
		return c.failure(s)
	}
	return fmt.Errorf("unknown step %q", s.Do)
}

func main() {
	text, err := os.ReadFile(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	var script struct {
		Namespace string
		Steps     []step
	}
	if err := json.Unmarshal(text, &script); err != nil {
		log.Fatal(err)
	}
	unlimited := grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20), grpc.MaxCallSendMsgSize(64<<20))
	connection, err := grpc.Dial(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()), unlimited)
	if err != nil {
		log.Fatal(err)
	}
	c := &client{connection, script.Namespace}
	for _, s := range script.Steps {
		if err := c.run(s); err != nil {
			log.Fatalf("%s: %v", s.Do, err)
		}
		fmt.Println("ok", s.Do, s.Key, s.Prefix)
	}
}
