import json

from dmd.runs.history import History, last_steps, read_steps, write_table


def test_a_history_is_cut_back_to_the_saved_size_so_that_every_step_stands_once(tmp_path):
    path = tmp_path / "history.jsonl"
    with History(path) as first:
        first.append(1, {"loss": 0.5})
        saved = first.commit()
        first.append(2, {"loss": 0.4})
        first.append(3, {"loss": 0.3})
    with History(path, saved) as second:
        second.append(2, {"loss": 0.4})
    assert [line["step"] for line in read_steps(path)] == [1, 2]


def test_a_process_that_was_replaced_writes_where_nobody_reads(tmp_path):
    path = tmp_path / "history.jsonl"
    with History(path) as old:
        old.append(1, {"loss": 0.5})
        saved = old.commit()
        old.append(2, {"loss": 0.4})
        with History(path, saved) as new:
            old.append(3, {"loss": -1.0})
            new.append(2, {"loss": 0.4})
            old.append(4, {"loss": -1.0})
            size = new.commit()
    assert [line["values"]["loss"] for line in read_steps(path, size)] == [0.5, 0.4]
    assert path.stat().st_size == size


def test_a_line_that_is_still_being_written_is_left_out(tmp_path):
    path = tmp_path / "history.jsonl"
    with History(path) as writer:
        writer.append(1, {"loss": 0.5})
    with path.open("a") as file:
        file.write('{"step": 2, "ti')
    assert [line["step"] for line in read_steps(path)] == [1]


def test_the_table_holds_every_digit_and_no_time(tmp_path):
    path = tmp_path / "history.jsonl"
    with History(path) as writer:
        writer.append(1, {"loss": 0.1 + 0.2, "learning_rate": 0.01})
        writer.append(2, {"loss": 1e-9, "learning_rate": 0.01})
    assert {"step", "time", "values"} == set(json.loads(path.read_text().splitlines()[0]))
    write_table(path, tmp_path / "history.csv")
    assert (tmp_path / "history.csv").read_text() == (
        "step,loss,learning_rate\n1,0.30000000000000004,0.01\n2,1e-09,0.01\n"
    )


def test_a_value_that_some_steps_lack_has_a_column_with_gaps(tmp_path):
    path = tmp_path / "history.jsonl"
    with History(path) as writer:
        writer.append(1, {"loss": 2.0})
        writer.append(2, {"loss": 1.0, "validation_dice": 0.5})
    write_table(path, tmp_path / "history.csv")
    assert (tmp_path / "history.csv").read_text() == "step,loss,validation_dice\n1,2.0,\n2,1.0,0.5\n"


def test_the_tail_of_a_history_is_whole_lines_only(tmp_path):
    path = tmp_path / "history.jsonl"
    assert last_steps(path) == []
    with History(path) as writer:
        for step in range(1, 101):
            writer.append(step, {"loss": 0.5})
    with path.open("a") as file:
        file.write('{"step": 101, "ti')
    assert last_steps(path) == list(read_steps(path))
    few = last_steps(path, size=1000)
    assert 5 < len(few) < 20
    assert [line["step"] for line in few] == list(range(101 - len(few), 101))


def test_torn_lines_are_left_out(tmp_path):
    path = tmp_path / "history.jsonl"
    with History(path) as writer:
        writer.append(1, {"loss": 0.5})
    sound = list(read_steps(path))
    path.write_bytes(
        b"\0" * 30 + b"\n" + path.read_bytes() + b'[]\n{"step": 2}\n{"step": 2, "time": 1, "values": 3}\n\xff\n'
    )
    assert list(read_steps(path)) == last_steps(path) == sound
