"""What `apps/music.py` has beyond other apps: sound, ways to bring a tune, a keyboard and a pad."""
