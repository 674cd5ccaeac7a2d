"""The registry: names from a folder's files, from plug-ins and from scripts, with their facts."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module, invalidate_caches
from itertools import count

import pytest
from plugins.package import install

from mmer_core import corpora, encoders, fusion
from mmer_core.fusion import heads
from mmer_core.labels import Modality
from mmer_core.registry import Entry, Registry

PACKAGE = """
from dataclasses import dataclass
from mmer_core.labels import Modality
from mmer_core.registry import Entry, Registry

@dataclass(frozen=True, kw_only=True)
class ToolEntry(Entry):
    modality: Modality
    seconds: float = 1.0

TOOLS = Registry("tool", ToolEntry, package=__name__, group="{name}.tools")
"""
TOOL = '''
from mmer_core.labels import Modality
from {package} import TOOLS

@TOOLS.register({name!r}, modality=Modality.{modality}{facts})
class Tool:
    """{name} does something.

    And more.
    """
    def __init__(self, size=1):
        self.size = size
'''
_numbers = count()


class Tools:
    """A registry with a folder of its own, on disk."""

    def __init__(self, folder, patch):
        self.name = f"tools_{next(_numbers)}"
        self.folder, self.patch = folder / self.name, patch
        self.folder.mkdir()
        (self.folder / "__init__.py").write_text(PACKAGE.format(name=self.name))
        patch.syspath_prepend(str(folder))
        invalidate_caches()

    def add(self, name, *, file=None, modality="TEXT", facts="", before=""):
        text = TOOL.format(package=self.name, name=name, modality=modality, facts=facts)
        (self.folder / f"{file or name}.py").write_text(before + text)

    @property
    def registry(self) -> Registry:
        return import_module(self.name).TOOLS


@pytest.fixture
def tools(tmp_path, monkeypatch):
    return Tools(tmp_path, monkeypatch)


class TestFolder:
    def test_files_are_listed_with_their_facts_and_not_imported(self, tools):
        tools.add("saw", facts=", seconds=0.5, order=2", before="raise ImportError('no library')\n")
        tools.add("axe", modality="AUDIO", facts=", description='fells', order=1")
        axe, saw = tools.registry.entries()
        assert (axe.name, axe.modality, axe.description, axe.seconds) == ("axe", Modality.AUDIO, "fells", 1.0)
        assert (saw.name, saw.description, saw.seconds) == ("saw", "saw does something", 0.5)
        assert f"{tools.name}.axe" not in sys.modules
        assert tools.registry.problems == ()

    def test_a_name_is_created_from_its_file(self, tools):
        tools.add("saw")
        assert tools.registry.create("saw", size=3).size == 3
        assert tools.registry.factory("saw") is import_module(f"{tools.name}.saw").Tool
        assert tools.registry.names() == ("saw",)

    def test_a_file_may_hold_names_other_than_its_own(self, tools):
        tools.add("saw", file="blades")
        assert tools.registry.create("saw").size == 1

    def test_a_file_that_fails_on_import_is_one_sentence(self, tools):
        tools.add("saw", before="import nothing_of_that_name\n")
        tools.add("axe")
        with pytest.raises(
            ValueError,
            match=rf"^the tool 'saw' cannot be used, {tools.name}\.saw fails on import \(No module named "
            r"'nothing_of_that_name'\): correct or remove that file$",
        ):
            tools.registry.create("saw")
        assert tools.registry.create("axe").size == 1

    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            ("def broken(:\n", r"^saw\.py gives no tool \(invalid syntax"),
            ("\xff", r"^saw\.py gives no tool \('utf-8' codec"),
            (
                "@TOOLS.register('saw', modality=guess())\nclass Tool: ...\n",
                r"^saw\.py .* \(line 1: the fact modality must be a literal\)$",
            ),
            ("@TOOLS.register('saw', **facts)\nclass Tool: ...\n", r"the fact \*\*facts must be a literal"),
            ("@TOOLS.register('saw', modality=Modality.SMELL)\nclass Tool: ...\n", "must be a literal"),
            ("@TOOLS.register('saw', size=3)\nclass Tool: ...\n", "an unknown fact 'size': known are descr"),
            ("@TOOLS.register('saw')\nclass Tool: ...\n", "without the fact 'modality': give it"),
        ],
    )
    def test_a_file_that_cannot_be_read_is_a_problem_and_the_rest_goes_on(self, tools, content, problem):
        (tools.folder / "saw.py").write_bytes(content.encode("latin-1"))
        tools.add("axe")
        assert tools.registry.names() == ("axe",)
        (said,) = tools.registry.problems
        assert re.search(problem, said)

    def test_a_name_taken_twice_is_one_sentence_and_the_first_file_counts(self, tools):
        tools.add("saw", file="a", facts=", seconds=2.0")
        tools.add("saw", file="b")
        assert tools.registry.entry("saw").seconds == 2.0
        assert tools.registry.problems == (
            f"b.py gives no tool (the tool 'saw' is registered twice, by {tools.name}.a and by "
            f"{tools.name}.b: rename one)",
        )

    def test_a_file_that_appears_later_is_found_by_a_new_scan(self, tools):
        tools.add("saw")
        assert tools.registry.names() == ("saw",)
        tools.add("axe")
        tools.registry.rescan()
        assert tools.registry.names() == ("axe", "saw")

    def test_an_unknown_name_lists_the_known_ones(self, tools):
        tools.add("saw")
        tools.add("axe")
        for ask in (tools.registry.entry, tools.registry.factory, tools.registry.create):
            with pytest.raises(ValueError, match=r"^unknown tool 'hammer': choose one of axe, saw$"):
                ask("hammer")


class TestScripts:
    def test_a_registered_name_works_at_once(self, tools):
        tools.add("saw")

        @tools.registry.register("mine", modality=Modality.VISUAL)
        def mine(size=7):
            """Something of my own."""
            return size

        assert tools.registry.create("mine") == 7
        assert tools.registry.names() == ("mine", "saw")
        assert tools.registry.entry("mine").description == "Something of my own"

    def test_a_name_of_the_folder_cannot_be_taken(self, tools):
        tools.add("saw")
        with pytest.raises(
            ValueError,
            match=rf"'saw' is registered twice, by {tools.name}\.saw and by \S*test_registry: rename",
        ):
            tools.registry.register("saw", modality=Modality.TEXT)(int_like)

    def test_running_a_script_again_replaces_its_names(self, tools):
        register = tools.registry.register("mine", modality=Modality.TEXT)
        register(int_like)
        register(int_like)
        assert tools.registry.names() == ("mine",)

    def test_a_forgotten_name_can_be_used_again(self, tools):
        tools.registry.register("mine", modality=Modality.TEXT)(int_like)
        tools.registry.unregister("mine")
        tools.registry.unregister("mine")
        assert tools.registry.names() == ()
        tools.registry.register("mine", modality=Modality.TEXT)(len)
        assert tools.registry.factory("mine") is len

    def test_facts_are_checked(self, tools):
        with pytest.raises(ValueError, match="unknown fact 'colour': known are description, modality, order"):
            tools.registry.register("mine", modality=Modality.TEXT, colour="red")(int_like)
        with pytest.raises(ValueError, match="without the fact 'modality'"):
            tools.registry.register("mine")(int_like)

    def test_a_registry_needs_no_folder(self):
        registry: Registry[int, Entry] = Registry("number", Entry)
        registry.register("one")(int_like)
        assert registry.names() == ("one",)
        assert registry.create("one") == 1


def int_like() -> int:
    return 1


class TestPlugIns:
    def plug_in(self, tools, text, module="their_tools"):
        install(
            tools.folder.parent / module,
            tools.patch,
            module.replace("_", "-"),
            {f"{module}.py": text},
            f"[{tools.name}.tools]\nanything = {module}\n",
        )

    def test_names_of_other_packages_are_listed_and_created(self, tools):
        tools.add("saw")
        self.plug_in(tools, TOOL.format(package=tools.name, name="drill", modality="AUDIO", facts=""))
        assert tools.registry.names() == ("drill", "saw")
        assert tools.registry.entry("drill").modality is Modality.AUDIO
        assert tools.registry.create("drill", size=2).size == 2
        assert tools.registry.problems == ()

    def test_a_plug_in_is_found_without_listing(self, tools):
        self.plug_in(tools, TOOL.format(package=tools.name, name="drill", modality="AUDIO", facts=""))
        assert tools.registry.create("drill").size == 1

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("import nothing_of_that_name", "No module named 'nothing_of_that_name'"),
            ("raise SystemError", "SystemError"),
            ("def broken(:", "invalid syntax"),
        ],
    )
    def test_one_that_fails_on_import_is_a_problem_and_the_rest_goes_on(self, tools, text, reason):
        tools.add("saw")
        self.plug_in(tools, text)
        assert tools.registry.names() == ("saw",)
        (said,) = tools.registry.problems
        assert said.startswith(f"the plug-in their_tools of their-tools fails on import ({reason}")
        assert said.endswith("): correct or uninstall it")
        assert "\n" not in said

    def test_one_that_takes_a_known_name_is_a_problem(self, tools):
        tools.add("saw")
        self.plug_in(tools, TOOL.format(package=tools.name, name="saw", modality="TEXT", facts=""))
        assert tools.registry.create("saw").__module__ == f"{tools.name}.saw"
        (said,) = tools.registry.problems
        assert (
            f"the tool 'saw' is registered twice, by {tools.name}.saw and by their_tools: rename one" in said
        )

    def test_one_that_lists_the_registry_on_import_is_no_circle(self, tools):
        tools.add("saw")
        text = TOOL.format(package=tools.name, name="drill", modality="TEXT", facts="")
        self.plug_in(tools, text + "\nSEEN = TOOLS.names()\n")
        assert tools.registry.names() == ("drill", "saw")


REGISTRIES = {
    "encoders": encoders.ENCODERS,
    "fusion": fusion.FUSION_MODELS,
    "corpora": corpora.READERS,
    "heads": heads.HEADS,
}


@pytest.mark.parametrize("name", REGISTRIES)
def test_every_entry_of_this_project_has_facts_and_a_factory(name):
    registry = REGISTRIES[name]
    assert registry.problems == ()
    assert registry.entries()
    for entry in registry.entries():
        assert entry.description
        assert registry.factory(entry.name).__module__ == entry.module
        assert registry.factory(entry.name).__qualname__ == entry.qualname


def test_listing_names_and_facts_loads_no_heavy_library():
    code = (
        "import sys; from mmer_core import encoders, fusion, corpora; from mmer_core.fusion import heads; "
        "print([r.entries() for r in (encoders.ENCODERS, fusion.FUSION_MODELS, corpora.READERS, heads.HEADS)]"
        " and {'torch', 'transformers', 'librosa', 'cv2', 'onnxruntime'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
