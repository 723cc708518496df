"""What a failed TLS handshake with a Redis server says: what is wrong in words, and what to do about it."""

import ssl

#: OpenSSL's names, by its version, for a reply that is not TLS.
_NOT_TLS = frozenset(("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"))
#: Of X509_verify_cert: the certificate is for another host, or for another address.
_OTHER_NAME = frozenset((62, 64))
#: Of X509_verify_cert: not valid yet, or not any more.
_OTHER_TIME = frozenset((9, 10))


class TlsFailed(OSError):
    """A handshake that failed; `remedy` says what to do, with `{url}` for the setting that has the server's URL."""

    def __init__(self, words: str, remedy: str) -> None:
        super().__init__(words)
        self.remedy = remedy


class TlsTimedOut(TlsFailed, TimeoutError):
    """A handshake that was not over in time."""


def translated(error: OSError) -> TlsFailed:
    """The failure of a handshake over a connection that was made, or of reading what it needs, in words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _of_certificate(error)
    if isinstance(error, TimeoutError):
        return TlsTimedOut(
            "no TLS handshake in time", "unless it hangs, its port is one without TLS: name its TLS port in {url}"
        )
    if isinstance(error, ssl.SSLError):
        if error.reason in _NOT_TLS:
            return TlsFailed("it answers without TLS", "name its TLS port in {url}, or have TLS switched on there")
        if error.library in ("X509", "PEM"):
            return TlsFailed("ssl_ca_certs has no certificates", "mend that file, or its name in {url}")
        return TlsFailed(f"the TLS handshake failed: {error.reason}", "its log says more")
    if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError):
        return TlsFailed(f"ssl_ca_certs cannot be read: {error.strerror}", "mend that file, or its name in {url}")
    return TlsFailed(f"the TLS handshake failed: {error.strerror or error}", "its log says more")


def _of_certificate(error: ssl.SSLCertVerificationError) -> TlsFailed:
    said = error.verify_message.rstrip(".")
    if error.verify_code in _OTHER_NAME:
        return TlsFailed(
            f"its certificate has another name: {said}", "name the host in {url} as the certificate does, or renew it"
        )
    if error.verify_code in _OTHER_TIME:
        return TlsFailed(f"its certificate is not valid now: {said}", "renew it there, or set the clock here")
    return TlsFailed(
        f"its certificate is not trusted: {said}", "have ssl_ca_certs in {url} name the authority that issued it"
    )
