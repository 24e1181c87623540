//! Wish against fact: which runs should be running, and making it so.
