"""_train in double precision (built with W2V_DOUBLE): the gradient checks of the tests run the real trainer on it."""
include "_train.pyx"
