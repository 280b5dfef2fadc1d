//! Hurt handshakes between a real TLS client and a real TLS server.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use proptest::prelude::*;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, ServerConfig,
    ServerConnection, SignatureScheme, StreamOwned,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime},
};
use squall_proxy::{
    BootTime, Layer, NamePattern, Scope,
    tls::{Alert, Effect, Fake, Half, Handshakes, Impostor, Rule, Snapshot},
};

use crate::stand::{PATIENCE, Stand};

const NAME: &str = "shop.example";

/// A CA, and a server of its that answers each line with the same line.
struct Service {
    address: SocketAddr,
    authority: CertificateDer<'static>,
    authority_pem: String,
}

impl Service {
    fn start() -> Service {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let authority = params.self_signed(&key).unwrap();
        let authority_pem = authority.pem() + &key.serialize_pem();
        let issuer = Issuer::new(params, key);
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec![NAME.to_owned()]).unwrap();
        let leaf = leaf.signed_by(&key, &issuer).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            while let Ok((socket, _)) = listener.accept() {
                let session = ServerConnection::new(Arc::clone(&config)).unwrap();
                std::thread::spawn(move || echo(StreamOwned::new(session, socket)));
            }
        });
        Service { address, authority: authority.der().clone(), authority_pem }
    }
}

fn echo(mut stream: impl Read + Write) {
    let mut bytes = [0; 64];
    while let Ok(count @ 1..) = stream.read(&mut bytes) {
        if stream.write_all(&bytes[..count]).is_err() {
            return;
        }
    }
}

/// A client that takes any certificate.
#[derive(Debug)]
struct Careless;

impl ServerCertVerifier for Careless {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

struct Lab {
    service: Service,
    stand: Stand,
    handshakes: Handshakes,
    _layer: Layer,
}

impl Lab {
    fn new() -> Lab {
        let service = Service::start();
        let stand = Stand::before(service.address);
        let handshakes = Handshakes::default();
        let layer = stand.proxy.stream_layer(Scope::Everything, Box::new(handshakes.clone()));
        Lab { service, stand, handshakes, _layer: layer }
    }

    fn arm(&self, names: &str, effect: Effect) {
        let rule = Rule { names: NamePattern::new(names), share: 1.0, effect };
        self.handshakes.rules().arm(rule, 7, BootTime::now().after(PATIENCE));
    }

    fn fake(&self, fake: Fake, authority: bool) {
        let pem = authority.then_some(self.service.authority_pem.as_str());
        self.arm("*.example", Effect::Impostor(Arc::new(Impostor::new(fake, pem).unwrap())));
    }

    /// Shakes hands and exchanges a line, with a client that trusts the service's CA.
    fn talk(&self) -> Result<String, String> {
        let mut roots = RootCertStore::empty();
        roots.add(self.service.authority.clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        self.talk_as(builder.with_root_certificates(roots).with_no_client_auth())
    }

    fn talk_carelessly(&self) -> Result<String, String> {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap().dangerous();
        let careless = builder.with_custom_certificate_verifier(Arc::new(Careless));
        self.talk_as(careless.with_no_client_auth())
    }

    fn talk_as(&self, mut config: ClientConfig) -> Result<String, String> {
        config.alpn_protocols = vec![b"h2".to_vec()];
        let name = ServerName::try_from(NAME).unwrap();
        let session = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut stream = StreamOwned::new(session, self.stand.client());
        let mut answer = [0; 5];
        let said = stream.write_all(b"hello").and_then(|()| stream.read_exact(&mut answer));
        said.map_err(|error: io::Error| error.to_string())?;
        let protocol = stream.conn.alpn_protocol().unwrap_or_default();
        Ok(String::from_utf8_lossy(&[&answer[..], b" ", protocol].concat()).into_owned())
    }

    fn seen(&self) -> Snapshot {
        self.handshakes.counters().snapshot()
    }

    /// What was counted, once that many clients have refused or accepted.
    fn decided(&self, count: u64) -> Snapshot {
        loop {
            let seen = self.seen();
            if seen.refused + seen.accepted >= count {
                return seen;
            }
            std::thread::yield_now();
        }
    }
}

fn refused(talked: &Result<String, String>, how: &str) {
    assert!(talked.as_ref().is_err_and(|error| error.contains(how)), "{talked:?}, not {how}");
}

#[test]
fn handshakes_that_do_not_match_are_left_alone() {
    let lab = Lab::new();
    assert_eq!(lab.talk(), Ok("hello h2".into()));
    assert_eq!(lab.seen().hellos, 0, "nothing is armed, nothing is read");
    lab.arm("*.other", Effect::Close { reset: false });
    assert_eq!(lab.talk(), Ok("hello h2".into()));
    let seen = lab.seen();
    assert_eq!((seen.hellos, seen.matched, seen.hurt), (1, 0, 0));
    assert_eq!(seen.names, [(NAME.to_owned(), 1)]);
}

#[test]
fn alerts_ends_and_damage_reach_the_client() {
    let lab = Lab::new();
    lab.arm("shop.*", Effect::Alert(Alert::UnrecognizedName));
    refused(&lab.talk(), "UnrecognisedName");
    lab.arm("*", Effect::Close { reset: false });
    refused(&lab.talk(), "end of file");
    lab.arm("*", Effect::Close { reset: true });
    refused(&lab.talk(), "reset by peer");
    lab.arm("*", Effect::Corrupt(Half::Server));
    refused(&lab.talk(), "corrupt message");
    lab.arm("*", Effect::Corrupt(Half::Client));
    refused(&lab.talk(), "fatal alert");
    let seen = lab.seen();
    assert_eq!((seen.hellos, seen.matched, seen.hurt), (5, 5, 5));
    lab.handshakes.rules().clear();
    assert_eq!(lab.talk(), Ok("hello h2".into()));
}

#[test]
fn a_stalled_handshake_goes_on_when_the_rule_is_over() {
    let lab = Lab::new();
    lab.arm("*", Effect::Stall);
    std::thread::scope(|scope| {
        let talked = scope.spawn(|| lab.talk());
        while lab.seen().hurt == 0 {
            std::thread::yield_now();
        }
        assert!(!talked.is_finished());
        lab.handshakes.rules().clear();
        assert_eq!(talked.join().unwrap(), Ok("hello h2".into()));
    });
    // A rule that runs out lets go as well.
    let rule = Rule { names: NamePattern::new("*"), share: 1.0, effect: Effect::Stall };
    let end = BootTime::now().after(Duration::from_millis(30));
    lab.handshakes.rules().arm(rule, 7, end);
    assert_eq!(lab.talk(), Ok("hello h2".into()));
    assert!(BootTime::now() >= end && lab.seen().hurt == 2);
}

#[test]
fn a_careful_client_refuses_an_impostor_for_the_right_reason() {
    let lab = Lab::new();
    let checks = [
        (Fake::Expired, "expired"),
        (Fake::WrongName, "not valid for name"),
        (Fake::UnknownIssuer, "UnknownIssuer"),
    ];
    for (count, (fake, reason)) in (1..).zip(checks) {
        lab.fake(fake, true);
        refused(&lab.talk(), reason);
        let seen = lab.decided(count);
        assert_eq!((seen.refused, seen.accepted), (count, 0), "{seen:?}");
    }
    let reasons: Vec<_> = lab.seen().reasons.into_iter().map(|(reason, _)| reason).collect();
    assert!(reasons.iter().all(|reason| reason.starts_with("alert ")), "{reasons:?}");
}

#[test]
fn a_careless_client_is_found_and_what_it_says_goes_nowhere() {
    let lab = Lab::new();
    lab.fake(Fake::UnknownIssuer, false);
    assert!(lab.talk_carelessly().is_err(), "nobody answers it");
    let seen = lab.decided(1);
    assert_eq!((seen.hurt, seen.refused, seen.accepted), (1, 0, 1));
    // Without a protocol the handshake is right; this client does not mind and speaks.
    lab.fake(Fake::NoProtocol, true);
    assert!(lab.talk().is_err());
    let seen = lab.decided(2);
    assert_eq!((seen.hurt, seen.refused, seen.accepted), (2, 0, 2));
}

#[test]
fn a_server_that_speaks_first_is_not_kept_waiting() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stand = Stand::before(listener.local_addr().unwrap());
    let handshakes = Handshakes::default();
    let _layer = stand.proxy.stream_layer(Scope::Everything, Box::new(handshakes.clone()));
    let rule = Rule { names: NamePattern::new("*"), share: 1.0, effect: Effect::Stall };
    handshakes.rules().arm(rule, 7, BootTime::now().after(PATIENCE));
    let mut client = stand.client();
    let (mut server, _) = listener.accept().unwrap();
    server.write_all(b"220 mail\r\n").unwrap();
    let mut greeting = [0; 10];
    client.read_exact(&mut greeting).unwrap();
    assert_eq!(&greeting, b"220 mail\r\n");
    // What the client says then is no hello any more, whatever it looks like.
    client.write_all(&[22, 3, 1, 0, 9, 1]).unwrap();
    let mut said = [0; 6];
    server.read_exact(&mut said).unwrap();
    assert_eq!(said, [22, 3, 1, 0, 9, 1]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_is_no_tls_passes_byte_for_byte(
        bytes in proptest::collection::vec(any::<u8>(), 0..600),
        looks_like_tls in any::<bool>(),
    ) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stand = Stand::before(listener.local_addr().unwrap());
        let handshakes = Handshakes::default();
        let _layer = stand.proxy.stream_layer(Scope::Everything, Box::new(handshakes.clone()));
        let effect = Effect::Close { reset: true };
        let rule = Rule { names: NamePattern::new("never.*"), share: 1.0, effect };
        handshakes.rules().arm(rule, 7, BootTime::now().after(PATIENCE));
        let head: &[u8] = if looks_like_tls { &[22, 3, 1] } else { &[] };
        let bytes = [head, &bytes].concat();
        let mut client = stand.client();
        let (mut server, _) = listener.accept().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                client.write_all(&bytes).unwrap();
                client.shutdown(Shutdown::Write).unwrap();
            });
            let mut arrived = Vec::new();
            server.read_to_end(&mut arrived).unwrap();
            assert_eq!(arrived, bytes);
        });
        server.write_all(&bytes).unwrap();
        drop(server);
        let mut back = Vec::new();
        (&client).read_to_end(&mut back).unwrap();
        prop_assert_eq!(back, bytes);
    }
}
