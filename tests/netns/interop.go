// SPDX-License-Identifier: LGPL-2.1-or-later

// Talk to others, as a program in Go does: `interop server|client ADDRESS mptcp|tcp`. Each line it prints says
// whether a connection is MPTCP, as Go's net package sees it.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
)

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		os.Exit(1)
	}
}

func isMPTCP(conn net.Conn) bool {
	is, err := conn.(*net.TCPConn).MultipathTCP()
	fail(err)
	return is
}

func serve(address string, mptcp bool) {
	var config net.ListenConfig
	config.SetMultipathTCP(mptcp)
	listener, err := config.Listen(context.Background(), "tcp", address)
	fail(err)
	fmt.Println("listening", listener.Addr().(*net.TCPAddr).Port)
	for {
		conn, err := listener.Accept()
		fail(err)
		fmt.Println("mptcp", isMPTCP(conn))
		go func() {
			io.Copy(conn, conn)
			conn.Close()
		}()
	}
}

func ask(address string, mptcp bool) {
	var dialer net.Dialer
	dialer.SetMultipathTCP(mptcp)
	conn, err := dialer.Dial("tcp", address)
	fail(err)
	word := []byte("word")
	_, err = conn.Write(word)
	fail(err)
	_, err = io.ReadFull(conn, word)
	fail(err)
	fmt.Println("mptcp", isMPTCP(conn))
	io.Copy(io.Discard, os.Stdin) // stays while others look
}

func main() {
	if os.Args[1] == "server" {
		serve(os.Args[2], os.Args[3] == "mptcp")
	} else {
		ask(os.Args[2], os.Args[3] == "mptcp")
	}
}
