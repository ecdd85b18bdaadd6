//! A release binary that trusts the benchmark's own certificate, and is otherwise the one that ships.
//!
//! The functions trust the roots that are compiled in and nothing else: no variable, no file, no build feature changes
//! that, and the benchmark is no reason to add one. So a copy of the binary is changed instead: name and key of one
//! bundled root are replaced, byte for byte, by those of a root of equal length (`fixtures/make`).

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use crate::Result;

pub(crate) const ROOT: &[u8] = include_bytes!("../fixtures/root.cert.der");

/// Subject of the bundled root that gives its place: the end of the DER of `CN=Amazon Root CA 3`.
const REPLACED: &[u8] = b"Amazon Root CA 3";

/// Copies a binary and lets the copy trust [`ROOT`].
///
/// # Errors
/// When the binary does not hold the root that is to be replaced, or holds it twice.
pub(crate) fn trusting_copy(binary: &Path, copy: &Path) -> Result<()> {
    let mut store = RootCertStore::empty();
    store.add(CertificateDer::from(ROOT))?;
    let own = store.roots.first().ok_or("the fixture is no root")?;
    let replaced = webpki_roots::TLS_SERVER_ROOTS.iter().find(|root| root.subject.ends_with(REPLACED));
    let replaced = replaced.ok_or("the bundled roots have changed: choose another one to replace")?;
    let mut bytes = std::fs::read(binary).map_err(|why| format!("{}: {why}", binary.display()))?;
    replace_once(&mut bytes, &replaced.subject, &own.subject)?;
    replace_once(&mut bytes, &replaced.subject_public_key_info, &own.subject_public_key_info)?;
    std::fs::write(copy, bytes)?;
    std::fs::set_permissions(copy, std::fs::metadata(binary)?.permissions())?;
    Ok(())
}

fn replace_once(bytes: &mut [u8], old: &[u8], new: &[u8]) -> Result<()> {
    if old.len() != new.len() {
        return Err("the fixture's name or key has another length".into());
    }
    let places: Vec<usize> =
        bytes.windows(old.len()).enumerate().filter(|(_, window)| *window == old).map(|(at, _)| at).collect();
    let [at] = places.as_slice() else {
        return Err(format!("the binary holds the root {} times", places.len()).into());
    };
    let place = bytes.get_mut(*at..at + old.len()).ok_or("beyond the end")?;
    place.copy_from_slice(new);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fixture_fits_into_the_place_of_a_bundled_root() {
        let root =
            webpki_roots::TLS_SERVER_ROOTS.iter().find(|root| root.subject.ends_with(REPLACED)).unwrap();
        let dir = std::env::temp_dir();
        let (binary, copy) = (dir.join("vestibule-bench-before"), dir.join("vestibule-bench-after"));
        let bytes = [b"start", root.subject.as_ref(), root.subject_public_key_info.as_ref(), b"end"].concat();
        std::fs::write(&binary, &bytes).unwrap();
        trusting_copy(&binary, &copy).unwrap();
        let changed = std::fs::read(&copy).unwrap();
        assert_eq!(changed.len(), bytes.len());
        assert!(changed.starts_with(b"start") && changed.ends_with(b"end"));
        assert!(changed.windows(16).any(|window| window == b"Benchmark Root 1"));
        // A second time there is nothing to replace.
        assert!(trusting_copy(&copy, &binary).is_err());
    }
}
