//! Bytes of clients and services that pass the proxy.

use crate::Target;

/// Requests and responses of HTTP/1.
pub(super) const HTTP1: Target = Target {
    name: "http1",
    about: "requests and responses that pass the proxy",
    words: &[
        "GET ",
        "HTTP/1.1",
        "\r\n",
        "\r\n\r\n",
        "Content-Length: ",
        "Transfer-Encoding: chunked",
        "Connection: close",
        "Upgrade: ",
        "Expect: 100-continue",
        "0\r\n\r\n",
    ],
    run: squall_proxy::fuzz::http1,
};

/// Both directions of an HTTP/2 connection, with rules.
pub(super) const HTTP2: Target = Target {
    name: "http2",
    about: "frames that pass the proxy, with and without rules that hit",
    words: &["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "grpc-status", "application/grpc", "x-id"],
    run: squall_proxy::fuzz::http2,
};

/// Blocks of compressed headers.
pub(super) const HPACK: Target = Target {
    name: "hpack",
    about: "compressed headers of HTTP/2",
    words: &["grpc-status", ":path", ":method"],
    run: squall_proxy::fuzz::hpack,
};

/// Bodies of gRPC and its deadlines.
pub(super) const GRPC: Target = Target {
    name: "grpc",
    about: "messages in a gRPC body, and deadlines",
    words: &["100m", "99999999H", "\0\0\0\0"],
    run: squall_proxy::fuzz::grpc,
};

/// Questions and answers of DNS.
pub(super) const DNS: Target = Target {
    name: "dns",
    about: "questions and answers that pass the resolver's stand-in",
    words: &["\u{7}payment", "\u{3}svc"],
    run: squall_proxy::fuzz::dns,
};

/// The first message of TLS.
pub(super) const TLS_HELLO: Target = Target {
    name: "tls_hello",
    about: "the first bytes of connections that may be TLS",
    words: &["http/1.1", "h2", "\u{16}\u{3}\u{1}"],
    run: squall_proxy::fuzz::tls_hello,
};
