//! Histories of directories against a projection in memory, executed from the plans alone.

#![cfg(test)]

mod order;
mod people;
mod things;
mod world;
