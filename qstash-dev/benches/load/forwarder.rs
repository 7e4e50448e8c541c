//! The yardstick: a server that receives a request, sends it on, and answers what it is answered.

use std::{
    io::{self, Write as _},
    net::{Ipv4Addr, SocketAddr},
};

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use tokio::net::TcpListener;

use crate::Result;

/// The argument that makes this program the forwarder.
pub(crate) const ROLE: &str = "forward-to";

type Sender = Client<HttpConnector, Full<Bytes>>;

/// Serves until it is killed, on one thread, as the program does.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn serve(destination: SocketAddr) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    writeln!(io::stdout(), "http://{}", listener.local_addr()?)?;
    let to: Uri = format!("http://{destination}/").parse()?;
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Sender = Client::builder(TokioExecutor::new()).build(connector);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (client, to) = (client.clone(), to.clone());
        tokio::spawn(async move {
            let answer = service_fn(|request| forward(&client, &to, request));
            // Whoever breaks a connection off finds out on its own.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

async fn forward(client: &Sender, to: &Uri, request: Request<Incoming>) -> Result<Response<Full<Bytes>>> {
    let (mut head, body) = request.into_parts();
    head.uri = to.clone();
    let body = body.collect().await?.to_bytes();
    let (head, body) = client.request(Request::from_parts(head, body.into())).await?.into_parts();
    Ok(Response::from_parts(head, body.collect().await?.to_bytes().into()))
}
