package lab

import (
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net/http"
)

// acceptKey answers a WebSocket client's challenge (RFC 6455, 4.2.2).
func acceptKey(challenge string) string {
	sum := sha1.Sum([]byte(challenge + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// openSocket completes the upgrade and closes the socket in an orderly way at
// once: the lab is about who may open one, not about what is said on it.
func openSocket(w http.ResponseWriter, header http.Header) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, "cannot upgrade", http.StatusInternalServerError)
		return
	}
	defer conn.Close()
	fmt.Fprintf(rw, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		header.Get("Sec-WebSocket-Accept"))
	// A close frame with status 1000.
	_, _ = rw.Write([]byte{0x88, 0x02, 0x03, 0xe8})
	// The client reads to the end; if it has gone, there is nobody to tell.
	_ = rw.Flush()
}
