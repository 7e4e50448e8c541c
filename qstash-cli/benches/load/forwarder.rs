//! The yardstick: a server made of axum and hyper-util that receives a request, signs it, sends it on, and answers what it is
//! answered. It keeps nothing, so it is the least that such a delivery can cost.

use std::{
    io::{self, Write as _},
    net::{Ipv4Addr, SocketAddr},
    time::SystemTime,
};

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderValue, Request, Response, StatusCode, Uri},
    serve::ListenerExt as _,
};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use qstash_types::{SigningKey, header};
use qstash_verify::{Signer, TokenBuilder};
use tokio::net::TcpListener;

use crate::Result;

/// The argument that makes this program the forwarder.
pub(crate) const ROLE: &str = "forward-to";

#[derive(Clone)]
struct Forwarder {
    client: Client<HttpConnector, Full<Bytes>>,
    signer: Signer,
    to: Uri,
    text: String,
}

/// Serves until it is killed, on one thread, as the program does.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn serve(destination: SocketAddr) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    writeln!(io::stdout(), "http://{}", listener.local_addr()?)?;
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let text = format!("http://{destination}/");
    let forwarder = Forwarder {
        client: Client::builder(TokioExecutor::new()).build(connector),
        signer: Signer::new(SigningKey::new("sig_of_a_server_that_sends_on")?),
        to: text.parse()?,
        text,
    };
    // If it cannot be set, the connection fails anyway.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    Ok(axum::serve(listener, Router::new().fallback(forward).with_state(forwarder)).await?)
}

async fn forward(State(forwarder): State<Forwarder>, request: Request<Body>) -> Response<Body> {
    forwarder.send(request).await.unwrap_or_else(|error| {
        let mut failed = Response::new(error.to_string().into());
        *failed.status_mut() = StatusCode::BAD_GATEWAY;
        failed
    })
}

impl Forwarder {
    async fn send(self, request: Request<Body>) -> Result<Response<Body>> {
        let (mut head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let token = TokenBuilder::new(&self.text, &body, SystemTime::now()).id("jwt_of_a_delivery");
        head.headers.insert(header::SIGNATURE, HeaderValue::try_from(self.signer.token(&token))?);
        head.uri = self.to;
        let (head, body) = self.client.request(Request::from_parts(head, body.into())).await?.into_parts();
        Ok(Response::from_parts(head, body.collect().await?.to_bytes().into()))
    }
}
