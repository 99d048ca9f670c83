"""`fatheory reproduce`: a list, a figure drawn again, and words for what is wrong."""


def test_the_list_has_every_figure_and_is_what_no_name_gives(fatheory):
    code, shown, _ = fatheory("reproduce", "--list")
    assert code == 0
    assert "lillicrap2016/supp_pseudoinverse" in shown
    assert "liao2016/table_a" in shown
    assert fatheory("reproduce")[1] == shown


def test_a_stored_figure_is_drawn_again(fatheory, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, shown, said = fatheory("reproduce", "liao2016/table_bm", "--redraw")
    assert code in {0, 1}, said  # 1 where a claim does not hold
    assert "to draw; wrote out/liao2016/table_bm.png" in shown
    assert (tmp_path / "out" / "liao2016" / "table_bm.png").stat().st_size > 1000


def test_other_data_are_refused(fatheory, tmp_path):
    code, _, said = fatheory("reproduce", "liao2016/table_bm", "--data", tmp_path / "none.zarr")
    assert code == 2
    assert "none.zarr" in said


def test_wrong_usage(fatheory):
    code, _, said = fatheory("reproduce", "lilicrap2016/fig2")
    assert code == 1
    assert "did you mean 'lillicrap2016/fig2'" in said
    code, _, said = fatheory("reproduce", "lillicrap2016/fig2", "--redraw", "--scale", "paper")
    assert code == 2
    assert "leave out --scale or --redraw" in said
    code, _, said = fatheory("reproduce", "lillicrap2016/fig2", "--scale", "huge")
    assert code == 2
    assert "invalid choice: 'huge'" in said
