import time
def test_x(trained, command):
    folder, r = trained
    print(r.out[-3000:]); print(r.err[-1500:])
    r = command("sample", folder/"bundle", "-n", 30, "--raw")
    print(r)
    assert 0
