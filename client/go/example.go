// The event store from Go: append, a conflict, replay, subscribe. How to make gen/ from the protos: docs/clients.md.
//
//	cd client/go && go run . 127.0.0.1:50051
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	es "example.org/eventstore-example/gen/eventstore/v1"
)

func main() {
	target := "127.0.0.1:50051"
	if len(os.Args) > 1 {
		target = os.Args[1]
	}
	connection, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	check(err)
	// Ends what is still under way, the subscription too.
	ctx, end := context.WithCancel(context.Background())
	defer end()
	store, order := es.NewEventStoreClient(connection), uuid.NewString()

	// An id of our own: whoever repeats this append after a lost answer gets the first answer, and no second event.
	doAppend := func(expected int32, eventType, data string) (*es.AppendResponse, error) {
		event := &es.NewEvent{Id: uuid.NewString(), EventType: eventType, UserId: "ada", Data: data}
		return store.Append(ctx, &es.AppendRequest{AggregateId: order, AggregateType: "entity", Events: []*es.NewEvent{event},
			VersionCheck: &es.AppendRequest_ExpectedVersion{ExpectedVersion: expected}})
	}

	placed, err := doAppend(0, "order.placed", `{"total": 42}`)
	check(err)
	fmt.Println("appended: version", placed.Version)
	_, err = doAppend(0, "order.placed", "") // as somebody does who has not seen the first one
	if status.Code(err) != codes.Aborted {
		log.Fatal("a conflict was to come, and it was ", err)
	}
	for _, detail := range status.Convert(err).Details() {
		// Every error of the store has one: its reason and the values.
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			fmt.Printf("%s: expected %s, it is at %s\n", info.Reason, info.Metadata["expected_version"], info.Metadata["actual_version"])
		}
	}
	_, err = doAppend(1, "order.paid", "")
	check(err)

	pages, err := store.GetAggregateStream(ctx, &es.GetAggregateStreamRequest{AggregateId: order})
	check(err)
	for page, err := pages.Recv(); err != io.EOF; page, err = pages.Recv() {
		check(err)
		for _, event := range page.Events {
			fmt.Println("replayed:", event.Version, event.EventType, event.Data)
		}
	}

	start := &es.SubscribeRequest_FromBeginning_{FromBeginning: &es.SubscribeRequest_FromBeginning{}}
	subscription, err := es.NewSubscriptionsClient(connection).Subscribe(ctx, &es.SubscribeRequest{Start: start, AggregateId: order})
	check(err)
	for {
		message, err := subscription.Recv()
		check(err)
		for _, event := range message.GetEvents().GetEvents() {
			fmt.Println("subscribed:", event.Version, event.EventType)
			if event.Version == 3 {
				return
			}
		}
		if message.GetCaughtUp() != nil {
			fmt.Println("caught up")
			_, err = doAppend(2, "order.shipped", "")
			check(err)
		}
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
