//! WorkOS's webhooks over HTTP: who is believed, and what follows from it.

mod credentials;
mod faults;
mod leavers;
mod people;
mod sizes;
mod tenants;
