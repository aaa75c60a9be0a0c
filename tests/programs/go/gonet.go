// A server and a client of Go's net and net/http: a static program that makes its system calls itself.
//
//	gonet serve HTTP_PORT UDP_PORT            dual-stack; ends on SIGTERM with status 5
//	gonet fetch HOST HTTP_PORT UDP_PORT       prints what it got, sorted
package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
)

const parallel = 20

var page = strings.Repeat("go on ", 50000)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func handle(w http.ResponseWriter, r *http.Request) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	check(err)
	w.Header().Set("Peer", host)
	io.WriteString(w, page)
}

func answerDatagrams(conn *net.UDPConn) {
	buffer := make([]byte, 2048)
	for {
		n, from, err := conn.ReadFromUDP(buffer)
		if err != nil {
			return
		}
		conn.WriteToUDP([]byte(fmt.Sprintf("%s %s", from.IP, buffer[:n])), from)
	}
}

func serve(httpPort, udpPort string) {
	address, err := net.ResolveUDPAddr("udp", ":"+udpPort)
	check(err)
	datagrams, err := net.ListenUDP("udp", address)
	check(err)
	go answerDatagrams(datagrams)
	listener, err := net.Listen("tcp", ":"+httpPort)
	check(err)
	fmt.Println(listener.Addr(), datagrams.LocalAddr())
	server := &http.Server{Handler: http.HandlerFunc(handle)}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	go func() { <-stop; server.Shutdown(context.Background()) }()
	if err := server.Serve(listener); err != http.ErrServerClosed {
		check(err)
	}
	os.Exit(5)
}

func get(url string) string {
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(url)
	check(err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	check(err)
	return fmt.Sprintf("%d %s %x", response.StatusCode, response.Header.Get("Peer"), sha256.Sum256(body))
}

func fetch(host, httpPort, udpPort string) {
	var group sync.WaitGroup
	answers := make([]string, parallel)
	for i := range answers {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			answers[i] = get("http://" + net.JoinHostPort(host, httpPort) + "/")
		}(i)
	}
	group.Wait()
	for _, answer := range answers {
		fmt.Println(answer)
	}
	conn, err := net.Dial("udp", net.JoinHostPort(host, udpPort))
	check(err)
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	_, err = conn.Write([]byte("datagram"))
	check(err)
	buffer := make([]byte, 2048)
	n, err := conn.Read(buffer)
	check(err)
	fmt.Println(string(buffer[:n]))
}

func main() {
	switch os.Args[1] {
	case "serve":
		serve(os.Args[2], os.Args[3])
	case "fetch":
		fetch(os.Args[2], os.Args[3], os.Args[4])
	}
}
