"""Java programs leave nothing outside their folder."""

from chargewell.services.java import java_argv


def test_temporary_files_lie_in_the_programs_folder_and_go_at_its_next_start(tmp_path):
    java_argv("a.jar", "Main", folder=tmp_path, heap_mb=64)
    left = tmp_path / "tmp" / "native.so"
    left.write_bytes(b"unpacked")

    argv = java_argv("a.jar", "Main", "argument", folder=tmp_path, heap_mb=64)

    assert f"-Djava.io.tmpdir={tmp_path / 'tmp'}" in argv
    assert list((tmp_path / "tmp").iterdir()) == []
    assert argv[-2:] == ["Main", "argument"]
