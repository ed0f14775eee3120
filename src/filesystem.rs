//! What is on the file systems, seen from outside: the tree that a container will have, files that a command will
//! miss in it, and mount points that must be made for it.

pub mod missing;
pub mod mountpoint;
pub mod view;
