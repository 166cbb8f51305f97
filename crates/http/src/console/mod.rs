//! `/console`: pages in plain HTML, CSS and ES modules, as they are in `assets`. They are compressed when
//! they are first asked for. Every other path below `/console` is a page of the console, which looks at its
//! own address.

use std::sync::OnceLock;

use barnabas_protocol::records::Compression;
use barnabas_protocol::records::compression::compress;
use bytes::Bytes;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Response, StatusCode};

use crate::api;
use crate::body::{Body, answer};
use crate::node::Node;

/// Nothing from elsewhere, no script but ours, in no other page's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

/// A file of the console.
struct Asset {
    name: &'static str,
    content_type: &'static str,
    text: &'static str,
    compressed: OnceLock<Bytes>,
}

const HTML: &str = "text/html; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

macro_rules! asset {
    ($name:literal, $kind:expr) => {
        Asset {
            name: $name,
            content_type: $kind,
            text: include_str!(concat!("assets/", $name)),
            compressed: OnceLock::new(),
        }
    };
}

/// The page comes first.
static ASSETS: [Asset; 19] = [
    asset!("index.html", HTML),
    asset!("console.css", "text/css; charset=utf-8"),
    asset!("icon.svg", "image/svg+xml"),
    asset!("app.js", JS),
    asset!("dom.js", JS),
    asset!("api.js", JS),
    asset!("about.js", JS),
    asset!("clients.js", JS),
    asset!("configs.js", JS),
    asset!("dialog.js", JS),
    asset!("plot.js", JS),
    asset!("security.js", JS),
    asset!("transactions.js", JS),
    asset!("overview.js", JS),
    asset!("topics.js", JS),
    asset!("messages.js", JS),
    asset!("groups.js", JS),
    asset!("letters.js", JS),
    asset!("logs.js", JS),
];

/// Whether a path is one of the console's.
pub fn is_here(path: &str) -> bool {
    path == "/console" || path.starts_with("/console/")
}

/// What is at a path of the console.
pub fn page(node: &Node, path: &str, headers: &HeaderMap) -> Response<Body> {
    let name = path.strip_prefix("/console/assets/");
    let found = match name {
        Some(name) => ASSETS.iter().find(|asset| asset.name == name),
        None => ASSETS.first(),
    };
    let Some(asset) = found else {
        return dressed(answer(
            StatusCode::NOT_FOUND,
            "text/plain",
            "there is no such file\n",
        ));
    };
    // Who has to log in does so at the page, before it asks for anything.
    if name.is_none() {
        match api::guard(node, &Method::GET, headers) {
            Err(failure) => {
                return dressed(answer(
                    failure.status,
                    "text/plain; charset=utf-8",
                    failure.line(),
                ));
            }
            Ok(door) if door.asks_for_login() && api::access::credentials(headers).is_none() => {
                return dressed(api::refusal(&api::log_in()));
            }
            Ok(_) => {}
        }
    }
    let accepts = headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok());
    let page = if accepts.is_some_and(|accepted| accepted.contains("gzip")) {
        let mut page = answer(StatusCode::OK, asset.content_type, asset.compressed());
        let gzip = HeaderValue::from_static("gzip");
        page.headers_mut().insert(header::CONTENT_ENCODING, gzip);
        page
    } else {
        answer(StatusCode::OK, asset.content_type, asset.text)
    };
    dressed(page)
}

impl Asset {
    fn compressed(&self) -> Bytes {
        let compressed = self.compressed.get_or_init(|| {
            let mut out = Vec::new();
            compress(Compression::Gzip, None, self.text.as_bytes(), &mut out)
                .expect("no encoder refuses what is in memory at its default level");
            out.into()
        });
        compressed.clone()
    }
}

fn dressed(mut page: Response<Body>) -> Response<Body> {
    let headers = page.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    let same = HeaderValue::from_static("same-origin");
    headers.insert("cross-origin-opener-policy", same.clone());
    headers.insert("cross-origin-resource-policy", same);
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_it_is_small_and_from_here() {
        let all: usize = ASSETS.iter().map(|asset| asset.text.len()).sum();
        assert!(all < 400 * 1024, "{all}");
        for asset in &ASSETS {
            for forbidden in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                "style=\"",
            ] {
                assert!(!asset.text.contains(forbidden), "{} has {forbidden}", asset.name);
            }
            let elsewhere = asset
                .text
                .replace("http://www.w3.org/2000/svg", "")
                .replace("http://$", "");
            assert!(
                !elsewhere.contains("src=\"http") && !elsewhere.contains("fetch(\"http"),
                "{} asks another host",
                asset.name
            );
        }
    }
}
