//! People between the directory and the door.
