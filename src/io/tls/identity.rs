//! Whether a TLS server is who the switch meant to reach: RFC 5922 §7 over the chain's check.
//!
//! Invariant: a certificate without a subject alternative name proves nothing, and no wildcard matches (RFC 5922 §7.2).

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use webpki::EndEntityCert;

/// Checks the certificate of a server that must be everybody in `names`.
#[derive(Debug)]
pub(super) struct Verifier {
    roots: Arc<RootCertStore>,
    names: Vec<ServerName<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    /// A verifier that believes `roots`.
    pub fn new(
        roots: Arc<RootCertStore>,
        names: Vec<ServerName<'static>>,
        provider: &CryptoProvider,
    ) -> Verifier {
        Verifier { roots, names, algorithms: provider.signature_verification_algorithms }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let (roots, algorithms) = (&self.roots, self.algorithms.all);
        verify_server_cert_signed_by_trust_anchor(&certificate, roots, intermediates, now, algorithms)?;
        for name in &self.names {
            match name {
                ServerName::DnsName(domain) => is_domain(end_entity, domain.as_ref())?,
                other => verify_server_name(&certificate, other)?,
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Whether the certificate names `domain`: by its `sip:` URIs if it has any, else by its DNS names (RFC 5922 §7.1).
fn is_domain(certificate: &CertificateDer<'_>, domain: &str) -> Result<(), Error> {
    let certificate = EndEntityCert::try_from(certificate).map_err(|_| CertificateError::BadEncoding)?;
    let mut by_uri = certificate.valid_uri_names().filter_map(sip_domain).peekable();
    let named = match by_uri.peek() {
        Some(_) => by_uri.any(|name| name.eq_ignore_ascii_case(domain)),
        None => certificate.valid_dns_names().any(|name| name.eq_ignore_ascii_case(domain)),
    };
    if named { Ok(()) } else { Err(CertificateError::NotValidForName.into()) }
}

/// The domain that a `sip:` URI of a certificate names; one with a user part names a person, not a domain (RFC 5922 §7.1).
fn sip_domain(uri: &str) -> Option<&str> {
    let (scheme, rest) = uri.split_once(':')?;
    let host = rest.split([';', '?', ':']).next()?;
    (scheme.eq_ignore_ascii_case("sip") && !rest.contains('@') && !host.is_empty()).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, SanType};

    fn certificate(names: &[&str], uris: &[&str]) -> CertificateDer<'static> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_string()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params
            .subject_alt_names
            .extend(uris.iter().map(|uri| SanType::URI((*uri).try_into().expect("ASCII"))));
        params.self_signed(&KeyPair::generate().expect("a key")).expect("signed").der().clone()
    }

    #[test]
    fn a_certificate_names_a_domain_as_rfc_5922_says() {
        for (names, uris, domain, expected) in [
            (&["sip.example.com"][..], &[][..], "SIP.example.com", true),
            (&["sip.example.com"], &[], "example.com", false),
            (&["*.example.com"], &[], "sip.example.com", false),
            (&[], &[], "example.com", false),
            (&[], &["sip:example.com"], "example.com", true),
            // Where there are SIP URIs, host names count for nothing.
            (&["example.com"], &["sip:other.example"], "example.com", false),
            // A person is no domain, and no SIP URI of a domain.
            (&[], &["sip:alice@example.com"], "example.com", false),
            (&["example.com"], &["sip:alice@example.com", "https://x.example"], "example.com", true),
        ] {
            let got = is_domain(&certificate(names, uris), domain).is_ok();
            assert_eq!(got, expected, "{names:?} {uris:?} {domain}");
        }
    }
}
