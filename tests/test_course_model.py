"""One interface to a model in this process and to one behind an address."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from course import corpus, model, pretrain


@pytest.fixture(scope="module")
def local():
    tokenizer = corpus.train_tokenizer(n_documents=2_000)
    untrained = pretrain.build(pretrain.Recipe(size="0.3m"))
    untrained.set_attn_implementation("sdpa")
    return model.Local(untrained.eval(), tokenizer)


class _Server(BaseHTTPRequestHandler):
    asked: dict = {}  # noqa: RUF012 - what the last request held, for the test to read

    def do_POST(self):
        _Server.asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        _Server.asked["path"], _Server.asked["key"] = self.path, self.headers["Authorization"]
        if self.path != "/v1/chat/completions":
            self.send_error(404)
            return
        self.send_response(200)
        self.end_headers()
        for piece in ("In the ", "kitchen", "."):
            data = json.dumps({"choices": [{"delta": {"content": piece}}]})
            self.wfile.write(f"data: {data}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_):
        pass


@pytest.fixture
def address():
    server = HTTPServer(("127.0.0.1", 0), _Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_greedy_text_is_that_of_transformers(local):
    ids = local.tokenizer("Where is", return_tensors="pt").input_ids
    expected = local.model.generate(ids, max_new_tokens=12, do_sample=False)[0, ids.shape[1] :]
    assert local.complete("Where is", max_new_tokens=12) == local.tokenizer.decode(expected, skip_special_tokens=True)


def test_pieces_join_to_the_answer_and_a_seed_repeats_it(local):
    options = {"max_new_tokens": 10, "temperature": 1.0, "seed": 4}
    pieces = list(local.stream("Hello", **options))
    assert len(pieces) > 1
    assert "".join(pieces) == local.chat("Hello", **options)
    assert local.chat("Hello", **options | {"seed": 5}) != "".join(pieces)


def test_completion_ends_at_stop(local):
    whole = local.complete("Where is", max_new_tokens=12)
    stop = whole[4:6]
    assert local.complete("Where is", max_new_tokens=12, stop=stop) == whole[: whole.index(stop)]


def test_a_remote_model_streams(address):
    remote = model.load("small", url=f"{address}/v1", key="k")
    assert list(remote.stream("Where is Mara?", max_new_tokens=7, seed=1)) == ["In the ", "kitchen", "."]
    assert remote.chat([{"role": "user", "content": "Hi"}]) == "In the kitchen."
    assert _Server.asked["messages"] == [{"role": "user", "content": "Hi"}]
    assert _Server.asked["model"] == "small"
    assert _Server.asked["key"] == "Bearer k"


def test_errors_say_where_and_what_to_do(address, tmp_path):
    with pytest.raises(model.ModelError, match=r"/v2/chat/completions answered 404"):
        model.load(url=f"{address}/v2").chat("Hi")
    with pytest.raises(model.ModelError, match=r"Is the server running\?"):
        model.load(url="http://127.0.0.1:9/v1").chat("Hi")
    with pytest.raises(model.ModelError, match="was not found"):
        model.load(tmp_path / "nothing")


def test_langchain_runs_it(address):
    pytest.importorskip("langchain_core", reason="LangChain comes with week 5's packages")
    from langchain_core.prompts import ChatPromptTemplate

    chain = ChatPromptTemplate.from_messages([("system", "Be short."), ("user", "Where is {name}?")])
    chain = chain | model.load(url=f"{address}/v1").runnable(max_new_tokens=5)
    assert list(chain.stream({"name": "Mara"})) == ["In the ", "kitchen", "."]
    assert _Server.asked["messages"] == [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "Where is Mara?"},
    ]
    assert model.load(url=f"{address}/v1").runnable().invoke("Hi") == "In the kitchen."
