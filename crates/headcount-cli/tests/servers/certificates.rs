//! An authority, and what it signs: the servers' certificate, and one that a client may show.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};

/// A certificate and its key, in PEM.
pub(crate) struct Signed {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

pub(crate) struct Certificates {
    pub(crate) authority: String,
    pub(crate) server: Signed,
    pub(crate) member: Signed,
}

impl Certificates {
    pub(crate) fn new() -> Certificates {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Headcount's tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let sign = |name: &str, names: &[&str], purpose| {
            let key = KeyPair::generate().unwrap();
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            let mut params = CertificateParams::new(names).unwrap();
            params.distinguished_name.push(DnType::CommonName, name);
            params.extended_key_usages = vec![purpose];
            let certificate = params.signed_by(&key, &authority).unwrap().pem();
            Signed { certificate, key: key.serialize_pem() }
        };
        Certificates {
            authority: authority.pem(),
            server: sign(
                "nginx",
                &["localhost", "127.0.0.1", "*.headcount.test"],
                ExtendedKeyUsagePurpose::ServerAuth,
            ),
            member: sign("member", &["member.headcount.test"], ExtendedKeyUsagePurpose::ClientAuth),
        }
    }
}
