// An ssh server on golang.org/x/crypto/ssh: crypto_ssh_server PORT HOST_KEY AUTHORIZED_KEYS
//
// It runs each command with /bin/sh in a process group of its own and passes signals on to it. It
// opens no terminals: the package leaves that to the program around it.
package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/crypto/ssh"
)

var signals = map[string]syscall.Signal{
	"ABRT": syscall.SIGABRT, "ALRM": syscall.SIGALRM, "FPE": syscall.SIGFPE,
	"HUP": syscall.SIGHUP, "ILL": syscall.SIGILL, "INT": syscall.SIGINT,
	"KILL": syscall.SIGKILL, "PIPE": syscall.SIGPIPE, "QUIT": syscall.SIGQUIT,
	"SEGV": syscall.SIGSEGV, "TERM": syscall.SIGTERM, "USR1": syscall.SIGUSR1,
	"USR2": syscall.SIGUSR2,
}

func nameOf(number syscall.Signal) string {
	for name, s := range signals {
		if s == number {
			return name
		}
	}
	return "SIG@example.com"
}

func sendEnd(channel ssh.Channel, err error) {
	status := syscall.WaitStatus(0)
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		status = ended.Sys().(syscall.WaitStatus)
	}
	if status.Signaled() {
		payload := ssh.Marshal(struct {
			Name          string
			Core          bool
			Text, English string
		}{nameOf(status.Signal()), status.CoreDump(), "", ""})
		channel.SendRequest("exit-signal", false, payload)
	} else {
		payload := ssh.Marshal(struct{ Code uint32 }{uint32(status.ExitStatus())})
		channel.SendRequest("exit-status", false, payload)
	}
	channel.Close()
}

func start(channel ssh.Channel, text string) *exec.Cmd {
	command := exec.Command("/bin/sh", "-c", text)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	input, err := command.StdinPipe()
	if err != nil {
		return nil
	}
	command.Stdout = channel
	command.Stderr = channel.Stderr()
	if command.Start() != nil {
		return nil
	}
	go func() {
		io.Copy(input, channel)
		input.Close()
	}()
	go func() { sendEnd(channel, command.Wait()) }()
	return command
}

func session(channel ssh.Channel, requests <-chan *ssh.Request) {
	var command *exec.Cmd
	for request := range requests {
		var text struct{ Text string }
		switch request.Type {
		case "exec":
			ok := ssh.Unmarshal(request.Payload, &text) == nil
			request.Reply(ok, nil)
			if ok {
				command = start(channel, text.Text)
			}
		case "signal":
			if ssh.Unmarshal(request.Payload, &text) == nil && command != nil {
				syscall.Kill(-command.Process.Pid, signals[text.Text])
			}
		default:
			if request.WantReply {
				request.Reply(false, nil)
			}
		}
	}
}

func serve(socket net.Conn, config *ssh.ServerConfig) {
	connection, channels, requests, err := ssh.NewServerConn(socket, config)
	if err != nil {
		return
	}
	defer connection.Close()
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		if offered.ChannelType() != "session" {
			offered.Reject(ssh.UnknownChannelType, "sessions alone")
			continue
		}
		if channel, requests, err := offered.Accept(); err == nil {
			go session(channel, requests)
		}
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	authorized, _, _, _, err := ssh.ParseAuthorizedKey(must(os.ReadFile(os.Args[3])))
	must(authorized, err)
	config := &ssh.ServerConfig{
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if bytes.Equal(key.Marshal(), authorized.Marshal()) {
				return nil, nil
			}
			return nil, errors.New("another key")
		},
	}
	config.AddHostKey(must(ssh.ParsePrivateKey(must(os.ReadFile(os.Args[2])))))
	listener := must(net.Listen("tcp", "0.0.0.0:"+os.Args[1]))
	for {
		if socket, err := listener.Accept(); err == nil {
			go serve(socket, config)
		}
	}
}
