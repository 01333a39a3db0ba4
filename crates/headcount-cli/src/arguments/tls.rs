//! Flags about TLS: whom to trust.

use std::path::{Path, PathBuf};

use clap::{ArgAction, Args};
use headcount::{Config, Engine};

use crate::terminal::Problem;

#[derive(Args, Debug)]
#[command(next_help_heading = "TLS")]
pub(crate) struct TlsFlags {
    /// Accept any TLS certificate; the records say so
    #[arg(short = 'k', long)]
    insecure: bool,
    /// A file of certificates in PEM, trusted besides the system's; repeatable
    #[arg(long, value_name = "FILE", action = ArgAction::Append)]
    cacert: Vec<PathBuf>,
}

impl TlsFlags {
    pub(super) fn set(&self, config: &mut Config) -> Result<(), Problem> {
        config.insecure = self.insecure;
        for file in &self.cacert {
            config.extra_certificates.push(certificates(file)?);
        }
        Ok(())
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
