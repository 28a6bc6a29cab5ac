"""The randomised kill test: refreshers die at random instants, and the provider's own journal says what that cost.

`make soak` runs it long; a short form is among the long tests. One seed fixes for every life of every process at which
named point or after how long it is killed, and what the provider does meanwhile.
"""
