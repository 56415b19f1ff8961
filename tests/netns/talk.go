// SPDX-License-Identifier: LGPL-2.1-or-later

// talk serve PORT, or talk fetch PORT: HTTP over what Go's net package makes by itself.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
)

func main() {
	if os.Args[1] == "serve" {
		http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello\n") })
		fmt.Fprintln(os.Stderr, http.ListenAndServe("127.0.0.1:"+os.Args[2], nil))
		os.Exit(1)
	}
	answer, err := http.Get("http://127.0.0.1:" + os.Args[2] + "/")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	io.Copy(os.Stdout, answer.Body)
}
