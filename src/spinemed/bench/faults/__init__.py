"""What is wrong with an answerer: evidence, diagnosis, and simulated answerers to try it on."""
