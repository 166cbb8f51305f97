//! Paths in settings, as Java normalises them: `java.io.File` joins repeated slashes and drops one at the
//! end, and `getAbsolutePath` puts the working folder before a relative path. `.` and `..` stay what the
//! system makes of them.

use std::path::PathBuf;

/// The path that `text` means to Java.
pub fn absolute(text: &str) -> PathBuf {
    let mut path = String::with_capacity(text.len() + 1);
    if !text.starts_with('/') {
        // Without a working folder (it was removed) the path stays relative: whoever uses it will say so.
        if let Ok(folder) = std::env::current_dir() {
            path += &folder.to_string_lossy();
        }
    }
    for part in text.split('/').filter(|part| !part.is_empty()) {
        if !path.ends_with('/') && (!path.is_empty() || text.starts_with('/')) {
            path.push('/');
        }
        path += part;
    }
    if path.is_empty() {
        path.push('/');
    }
    path.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_what_java_makes_of_them() {
        let here = std::env::current_dir().unwrap();
        let here = here.to_str().unwrap();
        let table = [
            ("/a/b", "/a/b".to_owned()),
            ("/x//d/.", "/x/d/.".to_owned()),
            ("///a//", "/a".to_owned()),
            ("//", "/".to_owned()),
            ("/a/../b/", "/a/../b".to_owned()),
            ("data", format!("{here}/data")),
            ("./data//", format!("{here}/./data")),
            ("", here.to_owned()),
            ("/a b/\u{e9}", "/a b/\u{e9}".to_owned()),
        ];
        for (text, expected) in table {
            assert_eq!(absolute(text).to_str().unwrap(), expected, "{text:?}");
        }
    }
}
