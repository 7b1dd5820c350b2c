// pgx: client URL BRANCH VISITS.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

type client struct {
	context.Context
	*pgx.Conn
	url string
}

func (c client) ask(query string, values ...any) (answer string, err error) {
	err = c.QueryRow(c, query, values...).Scan(&answer)
	return
}

// The answer to a query that has one.
func (c client) expect(answer, query string, values ...any) error {
	got, err := c.ask(query, values...)
	if err == nil && got != answer {
		err = fmt.Errorf("%s: %q, not %q", query, got, answer)
	}
	return err
}

func (c client) run(statements ...string) error {
	for _, statement := range statements {
		if _, err := c.Exec(c, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

func (c client) visit(branch, visits string) error {
	if err := c.expect(branch, "SHOW prism.branch"); err != nil {
		return err
	}
	if err := c.run("CREATE TABLE IF NOT EXISTS visits(id serial PRIMARY KEY, client text NOT NULL)"); err != nil {
		return err
	}
	if _, err := c.Exec(c, "INSERT INTO visits(client) VALUES ($1)", branch); err != nil {
		return err
	}
	return c.expect(visits+" "+branch, "SELECT count(*) || ' ' || min(client) FROM visits")
}

func (c client) preparedStatements() error {
	if _, err := c.Prepare(c, "twice", "SELECT (2 * $1::int)::text"); err != nil {
		return err
	}
	batch := &pgx.Batch{}
	for i := 0; i < 10; i++ {
		if err := c.expect(strconv.Itoa(2*i), "twice", i); err != nil {
			return err
		}
		batch.Queue("twice", i)
	}
	return c.SendBatch(c, batch).Close()
}

func (c client) transactions() error {
	if err := c.run("CREATE TEMP TABLE t(i int)"); err != nil {
		return err
	}
	for _, end := range []func(pgx.Tx, context.Context) error{pgx.Tx.Rollback, pgx.Tx.Commit} {
		transaction, err := c.Begin(c)
		if err != nil {
			return err
		}
		if _, err = transaction.Exec(c, "INSERT INTO t VALUES (1)"); err != nil {
			return err
		}
		if err = end(transaction, c); err != nil {
			return err
		}
	}
	return c.expect("1", "SELECT count(*)::text FROM t")
}

func (c client) copy() error {
	const rows = 20000
	if err := c.run("CREATE TEMP TABLE numbers(i int, x text)"); err != nil {
		return err
	}
	source := pgx.CopyFromSlice(rows, func(i int) ([]any, error) { return []any{i, strings.Repeat("x", 50)}, nil })
	if n, err := c.CopyFrom(c, pgx.Identifier{"numbers"}, []string{"i", "x"}, source); err != nil || n != rows {
		return fmt.Errorf("%d rows: %w", n, err)
	}
	var out bytes.Buffer
	if _, err := c.PgConn().CopyTo(c, &out, "COPY (SELECT x FROM numbers) TO STDOUT"); err != nil {
		return err
	}
	if out.Len() != rows*51 {
		return fmt.Errorf("%d bytes came back", out.Len())
	}
	return nil
}

func (c client) notifications() error {
	if err := c.run("LISTEN news"); err != nil {
		return err
	}
	other, err := pgx.Connect(c, c.url)
	if err != nil {
		return err
	}
	defer other.Close(c)
	if _, err = other.Exec(c, "NOTIFY news, 'rain'"); err != nil {
		return err
	}
	told, err := c.WaitForNotification(c)
	if err == nil && told.Payload != "rain" {
		err = fmt.Errorf("got %q", told.Payload)
	}
	return err
}

func (c client) cancel() error {
	other, err := pgx.Connect(c, c.url)
	if err != nil {
		return err
	}
	defer other.Close(c)
	cancelled := make(chan error)
	go func() {
		asleep := 0
		for asleep == 0 {
			if err := other.QueryRow(c, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'").Scan(&asleep); err != nil {
				cancelled <- err
				return
			}
		}
		cancelled <- c.PgConn().CancelRequest(c)
	}()
	err = c.run("SELECT pg_sleep(600)")
	var failure *pgconn.PgError
	if !errors.As(err, &failure) || failure.Code != "57014" {
		return fmt.Errorf("it ended otherwise: %w", err)
	}
	return <-cancelled
}

func main() {
	url, branch, visits := os.Args[1], os.Args[2], os.Args[3]
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Second)
	defer cancel()
	connection, err := pgx.Connect(ctx, url)
	if err != nil {
		log.Fatal(err)
	}
	c := client{ctx, connection, url}
	if err := c.visit(branch, visits); err != nil {
		log.Fatal(err)
	}
	for _, step := range []struct {
		name string
		run  func() error
	}{{"prepared_statements", c.preparedStatements}, {"transactions", c.transactions}, {"copy", c.copy},
		{"notifications", c.notifications}, {"cancel", c.cancel}} {
		if err := step.run(); err != nil {
			log.Fatalf("%s: %v", step.name, err)
		}
		fmt.Println("ok", step.name)
	}
	if err := connection.Close(ctx); err != nil {
		log.Fatal(err)
	}
}
