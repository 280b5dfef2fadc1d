//! Every format that crosses a process or a disk (reason: a contract that others implement).
