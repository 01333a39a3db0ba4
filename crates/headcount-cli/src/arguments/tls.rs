//! Flags about TLS: whom to trust, whom to be, and what to keep of it.

use std::path::{Path, PathBuf};

use clap::{ArgAction, Args};
use headcount::{ClientCertificate, Config, Engine};

use crate::terminal::Problem;

#[derive(Args, Debug)]
#[command(next_help_heading = "TLS")]
pub(crate) struct TlsFlags {
    /// Accept any TLS certificate; the records say so
    #[arg(short = 'k', long)]
    insecure: bool,
    /// A file of certificates in PEM, trusted besides the system's, also if a host shows one of them itself; repeatable
    #[arg(long, value_name = "FILE", action = ArgAction::Append)]
    cacert: Vec<PathBuf>,
    /// A certificate in PEM to show to hosts that ask for one
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// Its private key in PEM, if that is not in the same file
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Keep in the records what the hosts' certificates say: issuer, names, dates
    #[arg(long)]
    tls_info: bool,
}

impl TlsFlags {
    /// The files that are read.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        self.cacert.iter().chain(&self.cert).chain(&self.key).map(PathBuf::as_path)
    }

    pub(super) fn set(&self, config: &mut Config) -> Result<(), Problem> {
        config.insecure = self.insecure;
        for file in &self.cacert {
            config.extra_certificates.push(certificates(file)?);
        }
        if let Some(file) = &self.cert {
            config.client_certificate = Some(client_certificate(file, self.key.as_deref().unwrap_or(file))?);
        }
        config.certificate_facts = self.tls_info;
        Ok(())
    }
}

/// A certificate with its key, checked before anything is sent.
fn client_certificate(certificate: &Path, key: &Path) -> Result<ClientCertificate, Problem> {
    let hint = "--cert takes a certificate in PEM, --key its private key in PEM, without a password";
    let read = |file: &Path| {
        std::fs::read(file)
            .map_err(|error| Problem::usage(format!("cannot read {}: {error}", file.display()), hint))
    };
    let client = ClientCertificate { certificates: read(certificate)?, key: read(key)? };
    let mut alone = Config::default();
    alone.client_certificate = Some(client.clone());
    match Engine::new(alone) {
        Ok(_) => Ok(client),
        Err(error) => {
            let files = format!("{} with {}", certificate.display(), key.display());
            Err(Problem::usage(format!("{files} cannot be used: {error}"), hint))
        }
    }
}

/// A file of certificates that can be used. It is checked alone, so that the message can name it.
fn certificates(file: &Path) -> Result<Vec<u8>, Problem> {
    let hint = "--cacert takes a file of certificates in PEM";
    let pem = std::fs::read(file)
        .map_err(|error| Problem::usage(format!("cannot read {}: {error}", file.display()), hint))?;
    let mut alone = Config::default();
    alone.extra_certificates = vec![pem.clone()];
    match Engine::new(alone) {
        Ok(_) => Ok(pem),
        Err(error) => Err(Problem::usage(format!("{} cannot be used: {error}", file.display()), hint)),
    }
}
