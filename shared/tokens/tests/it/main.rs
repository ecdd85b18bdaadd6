//! The crate from outside: hostile tokens, times to the second, rotation, size.

#[cfg(test)]
mod forge;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod issuer_keys;
#[cfg(test)]
mod jwks;
#[cfg(test)]
mod mutations;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod rotation;
#[cfg(test)]
mod size;
#[cfg(test)]
mod times;
