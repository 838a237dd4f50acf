//! TLS: the node's certificate and whom it believes, read from files, replaced while connections go on.
//!
//! Invariant: a connection keeps what it was made with; a new one gets the newest material that could be read whole. A fault in
//! the files changes nothing that runs.

mod identity;
#[cfg(test)]
pub(crate) mod tests;

use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::base::bounds;
use crate::config;

/// Why the files of `[tls]` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that cannot be read, or is no PEM of what it should hold.
    #[error("{0}: {1}")]
    File(PathBuf, pem::Error),
    /// A file without any certificate.
    #[error("{0}: holds no certificate")]
    Empty(PathBuf),
    /// A certificate that no authority can be.
    #[error("{0}: {1}")]
    Authority(PathBuf, String),
    /// Certificate and key do not go together, or are of a kind that TLS has no use for.
    #[error("{0}: {1}")]
    Pair(PathBuf, rustls::Error),
}

/// The node's side of TLS. Cheap to clone; every clone sees a reload.
#[derive(Clone, Debug)]
pub struct Tls {
    files: Arc<config::Tls>,
    material: Arc<RwLock<Arc<Material>>>,
}

/// What one reading of the files gave.
#[derive(Debug)]
struct Material {
    server: Arc<ServerConfig>,
    roots: Arc<RootCertStore>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`] names the file at fault.
    pub fn load(files: &config::Tls) -> Result<Tls, TlsError> {
        let material = Arc::new(RwLock::new(Arc::new(Material::read(files)?)));
        Ok(Tls { files: Arc::new(files.clone()), material })
    }

    /// Reads the files again: connections from now on get what they hold now.
    ///
    /// # Errors
    /// As [`Tls::load`]; then what was there stays.
    pub fn reload(&self) -> Result<(), TlsError> {
        let fresh = Arc::new(Material::read(&self.files)?);
        *self.material.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// Reloads whenever a file changed and then stayed as it is for one look ([`bounds::CERTIFICATE_WATCH`]), so that a
    /// certificate and a key that are replaced one after the other are read together. Never ends.
    pub async fn watch(self) {
        let mut read = self.stamps();
        let mut last = read.clone();
        let mut looks = tokio::time::interval(bounds::CERTIFICATE_WATCH);
        loop {
            looks.tick().await;
            let seen = self.stamps();
            if seen == last && seen != read {
                tell_of_reload(&self.reload());
                read = seen.clone();
            }
            last = seen;
        }
    }

    /// For a connection that a peer opened.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.current().server))
    }

    /// For a connection to `remote`, which must prove every one of `names`; without any, its address. RFC 5922 §7.
    /// `None`: no name that TLS could ask for.
    pub(super) fn connector(&self, remote: SocketAddr, names: &[String]) -> Option<Secure> {
        let material = self.current();
        let names = match names {
            [] => vec![ServerName::from(remote.ip())],
            names => {
                names.iter().map(|name| ServerName::try_from(name.clone()).ok()).collect::<Option<_>>()?
            }
        };
        let asked = names.first()?.clone();
        let provider = provider();
        let verifier = identity::Verifier::new(Arc::clone(&material.roots), names, &provider);
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .ok()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_auth_cert(material.chain.clone(), material.key.clone_key())
            .ok()?;
        // A resumed session would not be asked for its names again.
        config.resumption = Resumption::disabled();
        Some(Secure::Client(TlsConnector::from(Arc::new(config)), asked))
    }

    fn current(&self) -> Arc<Material> {
        Arc::clone(&self.material.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What tells one state of the files from another without reading them.
    fn stamps(&self) -> Vec<Option<(i64, i64, u64, u64)>> {
        let config::Tls { certificate, key, clients, trust } = &*self.files;
        [Some(certificate), Some(key), clients.as_ref(), trust.as_ref()]
            .into_iter()
            .flatten()
            .map(|path| {
                let meta = std::fs::metadata(path).ok()?;
                Some((meta.mtime(), meta.mtime_nsec(), meta.ino(), meta.len()))
            })
            .collect()
    }
}

/// Which side of TLS the node has on a connection.
pub(super) enum Secure {
    /// The peer opened it.
    Server(TlsAcceptor),
    /// The node opened it, to this name.
    Client(TlsConnector, ServerName<'static>),
}

/// For connections to servers of the site that are believed by the authorities of a PEM file; without one, nobody is.
///
/// # Errors
/// The file cannot be used.
pub(super) fn connector_to(trust: Option<&Path>) -> Result<TlsConnector, TlsError> {
    let roots = trust.map_or_else(|| Ok(RootCertStore::empty()), authorities)?;
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Pair(trust.unwrap_or(Path::new("")).to_path_buf(), error))?;
    Ok(TlsConnector::from(Arc::new(builder.with_root_certificates(roots).with_no_client_auth())))
}

/// The log line of a reload.
pub(super) fn tell_of_reload(outcome: &Result<(), TlsError>) {
    match outcome {
        Ok(()) => tracing::info!("certificates read again: new connections get them"),
        Err(error) => tracing::error!(%error, "certificates not read: the old ones stay"),
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

impl Material {
    fn read(files: &config::Tls) -> Result<Material, TlsError> {
        let chain = certificates(&files.certificate)?;
        let key = PrivateKeyDer::from_pem_file(&files.key)
            .map_err(|error| TlsError::File(files.key.clone(), error))?;
        let pair = |error| TlsError::Pair(files.certificate.clone(), error);
        let builder = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(pair)?;
        let builder = match &files.clients {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(authorities(path)?.into(), provider())
                        .build()
                        .map_err(|error| TlsError::Authority(path.clone(), error.to_string()))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let server = builder.with_single_cert(chain.clone(), key.clone_key()).map_err(pair)?;
        let roots = files.trust.as_deref().map_or_else(|| Ok(RootCertStore::empty()), authorities)?;
        Ok(Material { server: Arc::new(server), roots: Arc::new(roots), chain, key })
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |error| TlsError::File(path.to_path_buf(), error);
    let all: Vec<_> =
        CertificateDer::pem_file_iter(path).map_err(failed)?.collect::<Result<_, _>>().map_err(failed)?;
    if all.is_empty() { Err(TlsError::Empty(path.to_path_buf())) } else { Ok(all) }
}

fn authorities(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| TlsError::Authority(path.to_path_buf(), error.to_string()))?;
    }
    Ok(roots)
}
