//! `squall lsp`, driven as an editor drives it: the real binary over its standard streams.

use crate::world::World;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

const URI: &str = "file:///rules.sla";

struct Editor {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    id: i64,
}

impl Editor {
    fn open(world: &World) -> Editor {
        let mut command = world.command(&["lsp", "--stdio"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let (to, from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut editor = Editor { child, to, from: BufReader::new(from), id: 0 };
        let server = editor.ask("initialize", json!({"capabilities": {}}));
        assert_eq!(server["capabilities"]["hoverProvider"], true);
        editor.tell("initialized", json!({}));
        editor
    }

    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        write!(self.to, "Content-Length: {}\r\n\r\n{text}", text.len()).unwrap();
        self.to.flush().unwrap();
    }

    fn tell(&mut self, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.id += 1;
        let id = self.id;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        let answer = self.next();
        assert_eq!(answer["id"], id, "{answer}");
        answer["result"].clone()
    }

    fn next(&mut self) -> Value {
        let mut length = 0;
        loop {
            let mut line = String::new();
            self.from.read_line(&mut line).unwrap();
            match line.trim_end().split_once(": ") {
                Some(("Content-Length", n)) => length = n.parse().unwrap(),
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length];
        self.from.read_exact(&mut body).unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    /// Shows the server a text and returns what it says is wrong.
    fn text(&mut self, version: i64, text: &str) -> Vec<Value> {
        let (method, params) = if version == 1 {
            let document = json!({"uri": URI, "languageId": "sla", "version": 1, "text": text});
            ("textDocument/didOpen", json!({"textDocument": document}))
        } else {
            let document = json!({"uri": URI, "version": version});
            let changes = json!([{"text": text}]);
            let params = json!({"textDocument": document, "contentChanges": changes});
            ("textDocument/didChange", params)
        };
        self.tell(method, params);
        let said = self.next();
        assert_eq!(said["method"], "textDocument/publishDiagnostics", "{said}");
        assert_eq!(said["params"]["version"], version);
        said["params"]["diagnostics"].as_array().unwrap().clone()
    }

    fn at(&mut self, method: &str, line: u32, character: u32) -> Value {
        let place = json!({"line": line, "character": character});
        self.ask(method, json!({"textDocument": {"uri": URI}, "position": place}))
    }
}

#[test]
fn an_editor_gets_diagnostics_hover_completion_and_formatting() {
    let world = World::new();
    let mut editor = Editor::open(&world);
    let bad = "SLA(\"下单\") WHEN metric=\"orders_total\" WHERE label=\"{result='ok'}\"\n\
               AGGREGATE ratio(5m) THRESHOLD >= 99.9;\n";
    let wrong = editor.text(1, bad);
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert_eq!(wrong[0]["code"], "S523");
    assert_eq!(wrong[0]["range"]["start"], json!({"line": 1, "character": 33}));
    assert!(wrong[0]["message"].as_str().unwrap().contains("99.9% of all"), "{}", wrong[0]);
    assert_eq!(editor.text(2, &bad.replace("99.9;", "99.9%;")), Vec::<Value>::new());

    // Columns are UTF-16 units: 下单 is two of them and six bytes.
    let hover = editor.at("textDocument/hover", 0, 12);
    assert_eq!(hover["range"]["start"], json!({"line": 0, "character": 10}), "{hover}");
    assert!(hover["contents"]["value"].as_str().unwrap().contains("WHEN metric="), "{hover}");
    let name = editor.at("textDocument/hover", 0, 5);
    assert!(
        name["contents"]["value"].as_str().unwrap().contains("sum(rate(orders_total"),
        "{name}"
    );

    let items = editor.at("textDocument/completion", 1, 10);
    let labels: Vec<&str> =
        items.as_array().unwrap().iter().map(|i| i["label"].as_str().unwrap()).collect();
    assert!(labels.contains(&"ratio") && labels.contains(&"p99"), "{labels:?}");

    let edits = editor.ask(
        "textDocument/formatting",
        json!({"textDocument": {"uri": URI}, "options": {"tabSize": 2, "insertSpaces": true}}),
    );
    let new = edits[0]["newText"].as_str().unwrap();
    assert!(new.starts_with("SLA(\"下单\")\nWHEN metric=\"orders_total\"\nWHERE"), "{new}");
    assert_eq!(edits[0]["range"]["end"], json!({"line": 2, "character": 0}));

    // What is not served is an answer, and rubbish ends nothing.
    editor
        .send(&json!({"jsonrpc": "2.0", "id": 90, "method": "textDocument/rename", "params": {}}));
    assert_eq!(editor.next()["error"]["code"], -32601);
    editor.send(&json!({"jsonrpc": "2.0", "id": 91, "method": "textDocument/hover", "params": 3}));
    assert_eq!(editor.next()["error"]["code"], -32602);
    assert_eq!(editor.at("textDocument/hover", 99, 99), Value::Null);

    assert_eq!(editor.ask("shutdown", Value::Null), Value::Null);
    editor.tell("exit", Value::Null);
    assert_eq!(editor.child.wait().unwrap().code(), Some(0));
}

#[test]
fn what_is_no_message_ends_the_server_with_a_reason() {
    let world = World::new();
    let check = |input: &str, reason: &str| {
        let mut command = world.command(&["lsp"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // The server may be gone before all of it is written.
        let _gone = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(reason) && said.contains("let an editor start it"), "{said}");
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{said}");
    };
    check(
        "Content-Length: 99999999999999\r\n\r\n{}",
        "99999999999999 bytes; 67108864 are the most",
    );
    check("Content-Length: 18446744073709551616\r\n\r\n{}", "no number of bytes");
    check("Content-Length: 2\r\n\r\n{]", "not of the protocol");
    check("squall check a.yaml\n\n", "no Content-Length");
    check("", "the editor did not begin");
}
