//! Reading objects, with path-style addresses.

use super::{
    State,
    http::{Request, Response},
};

pub(super) fn answer(state: &State, request: &Request) -> Response {
    if request.method != "GET" {
        return refusal(405, "MethodNotAllowed");
    }
    let name = percent_decoded(request.path.trim_start_matches('/'));
    match state.objects.get(&name) {
        Some(body) => Response {
            status: 200,
            content_type: "application/octet-stream",
            body: body.to_vec(),
            is_cut_off: false,
        },
        None => refusal(404, "NoSuchKey"),
    }
}

pub(super) fn refusal(status: u16, code: &str) -> Response {
    let body = format!("<Error><Code>{code}</Code><Message>stand-in</Message></Error>");
    Response { status, content_type: "application/xml", body: body.into_bytes(), is_cut_off: false }
}

fn percent_decoded(text: &str) -> String {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2).unwrap_or((piece, ""));
        bytes.extend(u8::from_str_radix(digits, 16).ok());
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_decoded_once() {
        assert_eq!(percent_decoded("bucket/a%20b%2Bc%252F"), "bucket/a b+c%2F");
    }
}
