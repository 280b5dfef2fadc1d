//! Somebody who answers in a server's place, with a certificate that a client has to refuse.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::NoServerSessionStorage,
};

use super::hello::Hello;

/// The most different certificates kept; a client that asks for more names gets new ones.
const CONFIGS_MAX: usize = 256;
/// A name that no server can have (RFC 6761).
const NAME_OF_NOBODY: &str = "somebody-else.invalid";
/// The years certificates are made for: no clock is needed to say that one has run out.
const FIRST_YEAR: i32 = 2020;
const EXPIRED_YEAR: i32 = 2021;
const LAST_YEAR: i32 = 2049;

/// What is wrong with the server that answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fake {
    /// Its certificate has run out.
    Expired,
    /// Its certificate is for another name.
    WrongName,
    /// Its certificate is by an issuer that nobody knows.
    UnknownIssuer,
    /// Its certificate is right, but it chooses none of the client's protocols.
    NoProtocol,
}

/// A server in another's place.
pub struct Impostor {
    fake: Fake,
    issuer: Issuer<'static, KeyPair>,
    issuer_certificate: CertificateDer<'static>,
    key: KeyPair,
    configs: Mutex<HashMap<Hello, Arc<ServerConfig>>>,
}

/// Why there can be no impostor.
#[derive(Debug, thiserror::Error)]
pub enum ImpostorError {
    /// The authority cannot be read.
    #[error("read the test authority; it is a PEM file with a CA certificate and its private key")]
    Authority,
    /// A certificate cannot be made.
    #[error("make a certificate")]
    Make(#[source] rcgen::Error),
    /// A certificate cannot be served.
    #[error("serve a certificate")]
    Serve(#[source] rustls::Error),
}

impl std::fmt::Debug for Impostor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Keys are nobody's business.
        f.debug_struct("Impostor").field("fake", &self.fake).finish_non_exhaustive()
    }
}

impl Impostor {
    /// Returns an impostor. `authority` is a PEM text with the certificate and the key of a CA
    /// that clients trust, so that nothing but the fake itself is wrong; without it, a new CA is
    /// made that nobody knows.
    ///
    /// # Errors
    /// See [`ImpostorError`].
    pub fn new(fake: Fake, authority: Option<&str>) -> Result<Impostor, ImpostorError> {
        let authority = authority.filter(|_| fake != Fake::UnknownIssuer);
        let (issuer, issuer_certificate) = match authority {
            Some(pem) => read(pem)?,
            None => make().map_err(ImpostorError::Make)?,
        };
        let key = KeyPair::generate().map_err(ImpostorError::Make)?;
        Ok(Impostor { fake, issuer, issuer_certificate, key, configs: Mutex::default() })
    }

    /// What is wrong with it.
    #[must_use]
    pub fn fake(&self) -> Fake {
        self.fake
    }

    pub(super) fn needs_protocols(&self) -> bool {
        self.fake == Fake::NoProtocol
    }

    /// Returns what answers this hello; `host` is whom a client means that gives no name.
    pub(super) fn config(
        &self,
        hello: &Hello,
        host: &str,
    ) -> Result<Arc<ServerConfig>, ImpostorError> {
        // Nothing that panics runs while it is locked.
        let mut configs = self.configs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = configs.get(hello) {
            return Ok(Arc::clone(config));
        }
        let config = Arc::new(self.make_config(hello, host)?);
        if configs.len() >= CONFIGS_MAX {
            configs.clear();
        }
        configs.insert(hello.clone(), Arc::clone(&config));
        Ok(config)
    }

    fn make_config(&self, hello: &Hello, host: &str) -> Result<ServerConfig, ImpostorError> {
        let name = match (self.fake, hello.name.as_str()) {
            (Fake::WrongName, _) => NAME_OF_NOBODY,
            (_, "") => host,
            (_, name) => name,
        };
        let make = ImpostorError::Make;
        let mut leaf = CertificateParams::new(vec![name.to_owned()]).map_err(make)?;
        leaf.distinguished_name.push(DnType::CommonName, name);
        leaf.not_before = date_time_ymd(FIRST_YEAR, 1, 1);
        let last = if self.fake == Fake::Expired { EXPIRED_YEAR } else { LAST_YEAR };
        leaf.not_after = date_time_ymd(last, 1, 1);
        leaf.use_authority_key_identifier_extension = true;
        leaf.key_usages.push(KeyUsagePurpose::DigitalSignature);
        leaf.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
        let leaf = leaf.signed_by(&self.key, &self.issuer).map_err(make)?;
        let chain = vec![leaf.der().clone(), self.issuer_certificate.clone()];
        let key = PrivateKeyDer::try_from(self.key.serialize_der())
            .expect("invariant: a key that was just made is in PKCS 8");
        let serve = ImpostorError::Serve;
        // Not the process's default provider: nobody else's choice of one matters here.
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(serve)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(serve)?;
        // A client must not come back to it, least of all after the fault has ended.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        if self.fake != Fake::NoProtocol {
            config.alpn_protocols =
                hello.protocols.iter().map(|protocol| protocol.clone().into_bytes()).collect();
        }
        Ok(config)
    }
}

fn read(pem: &str) -> Result<(Issuer<'static, KeyPair>, CertificateDer<'static>), ImpostorError> {
    // The reasons of the parsers stay here: they might quote the key.
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes());
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes());
    let (Ok(certificate), Ok(key)) = (certificate, key) else {
        return Err(ImpostorError::Authority);
    };
    let key = KeyPair::try_from(&key).map_err(|_| ImpostorError::Authority)?;
    let issuer = Issuer::from_ca_cert_der(&certificate, key);
    Ok((issuer.map_err(|_| ImpostorError::Authority)?, certificate))
}

fn make() -> Result<(Issuer<'static, KeyPair>, CertificateDer<'static>), rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, "Squall fault, do not trust");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages.push(KeyUsagePurpose::KeyCertSign);
    params.not_before = date_time_ymd(FIRST_YEAR, 1, 1);
    params.not_after = date_time_ymd(LAST_YEAR, 1, 1);
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok((Issuer::new(params, key), certificate.der().clone()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;

    /// A CA as a person would make one.
    fn authority() -> String {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "staging");
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().pem() + &key.serialize_pem()
    }

    #[test]
    fn an_authority_is_read_or_named_as_what_it_should_be() {
        let pem = authority();
        let impostor = Impostor::new(Fake::Expired, Some(&pem)).unwrap();
        let given = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        assert_eq!(impostor.issuer_certificate, given);
        let unknown = Impostor::new(Fake::UnknownIssuer, Some(&pem)).unwrap();
        assert_ne!(unknown.issuer_certificate, given);
        let half = pem.split_once("-----BEGIN PRIVATE").unwrap().0;
        for bad in ["", "x", half] {
            let error = Impostor::new(Fake::Expired, Some(bad)).unwrap_err();
            assert!(matches!(error, ImpostorError::Authority), "{error}");
        }
    }

    #[test]
    fn certificates_are_made_once_a_name_and_names_that_cannot_be_are_told() {
        let impostor = Impostor::new(Fake::Expired, None).unwrap();
        let named = |name: &str| Hello { name: name.into(), protocols: vec!["h2".into()] };
        let first = impostor.config(&named("a.example"), "::1").unwrap();
        assert_eq!(first.alpn_protocols, [b"h2".to_vec()]);
        assert!(Arc::ptr_eq(&first, &impostor.config(&named("a.example"), "::1").unwrap()));
        assert!(impostor.config(&named(""), "10.1.2.3").is_ok());
        assert!(impostor.config(&named("订单.example"), "::1").is_err());
        for n in 0..CONFIGS_MAX {
            impostor.config(&named(&format!("a{n}")), "::1").unwrap();
        }
        assert!(impostor.configs.lock().unwrap().len() <= CONFIGS_MAX);
        let none = Impostor::new(Fake::NoProtocol, None).unwrap();
        assert!(none.config(&named("a"), "::1").unwrap().alpn_protocols.is_empty());
    }
}
