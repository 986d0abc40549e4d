"""The elements of a web page."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "link", "input", "br"}


class Elements(HTMLParser):
    """Every element of a page: its name, its attributes and the text directly in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.open: list[int] = []
        self.declaration = ""
        self.feed(text)
        self.close()

    def handle_decl(self, decl: str) -> None:
        self.declaration = decl

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(len(self.found))
        self.found.append((tag, dict(attrs), []))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs), []))

    def handle_endtag(self, tag: str) -> None:
        opened = self.found[self.open.pop()][0]
        assert tag == opened, f"</{tag}> ends <{opened}>"

    def handle_data(self, data: str) -> None:
        if self.open:
            self.found[self.open[-1]][2].append(data)

    def by(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes, _ in self.found if tag == name]

    def text(self, identity: str) -> str:
        (text,) = [text for _, attributes, text in self.found if attributes.get("id") == identity]
        return "".join(text)
