# %% [markdown]
# # Primer: the mathematics and the tools
#
# *Week 1, optional lesson.* The other lessons use a little linear algebra, a little calculus and a little
# probability. Here they are, from the ground up, on real images and real text.
#
# **You will be able to**
# - multiply matrices by hand, predict a shape, and read the error when shapes do not fit;
# - find a gradient on paper, check it with two numbers, and build the machine that finds all of them;
# - read a log-likelihood, an entropy and a KL divergence, and say in which unit;
# - write one training step of a neural network in NumPy, and recognise it in PyTorch and in Keras;
# - tell learning from memorising, and put a fair baseline beside a network.
#
# **Minutes:** 60. The six parts take about ten minutes each. Parts 1 to 3 can be read alone. Parts 4 to 6
# use all three.
#
# **You need first:** Python (functions, lists, a small class) and school algebra. A pencil helps.

# %% [markdown]
# ## Do you need it?
#
# Six questions. Where an answer does not come at once, read that part.
#
# 1. `A` has shape (32, 10, 64) and `B` has shape (64, 3). What is the shape of `A @ B`?
# 2. $L = (3w - 3)^2$. Which way, and how fast, does $L$ change at $w = 2$?
# 3. A classifier with ten classes reports a loss of 2.303. What has it learnt?
# 4. `torch.nn.Linear(64, 32)`: what is the shape of its weight?
# 5. The training loss still falls, the validation loss rises. Is the model still learning?
# 6. On 360 test images one model is right on 97.5 %, another on 96.7 %. Which is better?
#
# <details><summary>Answers</summary>
#
# 1. (32, 10, 3). Part 1.
# 2. $dL/dw = 2(3w-3)\cdot 3 = 18$: it rises, 18 times as fast as $w$. Part 2.
# 3. Nothing yet: $\ln 10 = 2.303$ is the loss of a model that gives each class one tenth. Part 3.
# 4. (32, 64): outputs first. Part 4.
# 5. About these training images, yes. About images in general, no. Part 5.
# 6. Nobody can tell from that: the difference is three images. Part 6.
#
# </details>

# %% [markdown]
# ---
# ## Part 1 · Matrix products
#
# **The question.** A layer of a network takes some numbers and gives other numbers. By which rule?
#
# Nearly always by *weighted sums*. Each output is a sum of the inputs, each input times a weight of its own.
# A matrix product is the short way to write many weighted sums.
#
# ### By hand
#
# Three inputs $x = [1, 2, 3]$ and two outputs. Each column of $W$ holds the weights of one output:
#
# $$W = \begin{bmatrix} 1 & 0 \\ 0 & 2 \\ -1 & 1 \end{bmatrix}$$
#
# **Before you run:** what are the two outputs? Write them down.

# %%
import numpy as np

x = np.array([1, 2, 3])
W = np.array([[1, 0], [0, 2], [-1, 1]])

first = 1 * 1 + 2 * 0 + 3 * -1
second = 1 * 0 + 2 * 2 + 3 * 1
print("by hand", [first, second], "  x @ W", x @ W)

# %% [markdown]
# Now two inputs at once, one a row. The second row is `[0, 1, 0]`: a single one, the rest zeros.
#
# **Before you run:** what does that row pick out of $W$?

# %%
X = np.array([[1, 2, 3], [0, 1, 0]])
X @ W

# %% [markdown]
# It picks row 1 of $W$ (counting from 0). A vector with a single one is called *one-hot*, and a product with
# it is a look-up in a table. The embedding layer of every language model is this look-up (lesson *From text
# to numbers*).
#
# The picture: entry (row, column) of the product is made from that row on the left and that column on top.

# %%
from course import plots
from course.matrices import draw_product

plots.show(
    draw_product(X, W, row=0, column=1),
    alt="Three grids of numbers. Row 0 of X, 1 2 3, and column 1 of W, 0 2 1, are marked; together they make the "
    "marked entry 7 in row 0, column 1 of the product.",
)

# %% [markdown]
# **Try it.** Change `row` and `column` above, and find each of the four entries with your pencil first.
#
# ### Shapes
#
# From the picture you can read the one rule of shapes:
#
# $$(n, \mathbf{k}) \;@\; (\mathbf{k}, m) \to (n, m)$$
#
# The two inner sizes must be equal, since each row meets each column number by number. They then disappear.
#
# Axes further left are a *batch*: many products side by side, one for each index. Batch axes must be equal,
# or one side may lack them.
#
# **Before you run:** five pairs. Write five shapes; one of them is an error.

# %%
pairs = [
    ((4, 3), (3, 2)),
    ((2, 3), (2, 3)),
    ((32, 10, 64), (64, 3)),
    ((8, 4, 10, 16), (8, 4, 16, 10)),
    ((5,), (5,)),
]
for left, right in pairs:
    try:
        result = (np.zeros(left) @ np.zeros(right)).shape
    except ValueError:
        result = "does not fit"
    print(f"{left!s:>15} @ {right!s:<15} -> {result}")

# %% [markdown]
# - The second fails: 3 meets 2. One transpose, `A @ B.T`, would make it (2, 3) @ (3, 2).
# - The third: 32 texts, 10 tokens each, 64 numbers a token, and one (64, 3) layer for all of them.
# - The fourth is the shape of attention: 8 texts, 4 heads, 10 queries against 10 keys of 16 numbers.
# - The last is a *dot product*: two vectors, one number, shape `()`.
#
# Does "side by side" mean what it says? Check one index of the batch:

# %%
rng = np.random.default_rng(0)
A, B = rng.normal(size=(32, 10, 64)), rng.normal(size=(64, 3))
print("text 3 alone gives the same:", np.allclose((A @ B)[3], A[3] @ B))

# %% [markdown]
# PyTorch says the same with other words. You will see this message many times, so read it once at rest:

# %%
import torch
from course import threads

threads.use_one()  # small matrices are computed fastest on one thread

try:
    torch.zeros(2, 3) @ torch.zeros(2, 3)
except RuntimeError as error:
    print(error)

# %% [markdown]
# `mat1` is what stands left of `@`, `mat2` what stands right of it. Look at the two inner numbers: 3 and 2.
#
# ### Real input: read handwriting with one matrix product
#
# Here are real digits, 8 by 8 pixels, as 64 numbers from 0 (paper) to 1 (ink). They are split in three
# parts; why three is the matter of part 5.

# %%
from course import digits

train, validation, test = digits.split()
for name, part in (("train", train), ("validation", validation), ("test", test)):
    print(f"{name:<11} images {part.images.shape}  labels {part.labels.shape}")

plots.show(
    digits.draw(train.images[:20], [str(label) for label in train.labels[:20]], title="Twenty real digits"),
    alt="Twenty handwritten digits of 8 by 8 grey pixels, each under its label. Most can be read; some are hard.",
)

# %% [markdown]
# A first idea with no training: take the mean of all 0s, of all 1s, and so on. That gives ten *templates*. A
# new image gets the label of the nearest template.
#
# What has this to do with products? Write the squared distance between image $x$ and template $m$ out:
#
# $$\lVert x - m\rVert^2 = \lVert x\rVert^2 - 2\,x\cdot m + \lVert m\rVert^2$$
#
# $\lVert x\rVert^2$ is the same for all ten. So the nearest template is the one with the largest score
#
# $$x \cdot m - \tfrac12 \lVert m\rVert^2$$
#
# **By hand,** with images of two pixels: $x = (1, 0)$, templates $a = (1, 1)$ and $b = (3, 0)$.
#
# **Before you run:** which has the larger dot product with $x$? Which is nearer to $x$?

# %%
x, a, b = np.array([1, 0]), np.array([1, 1]), np.array([3, 0])
for name, m in (("a", a), ("b", b)):
    print(f"{name}: x·m = {x @ m}   squared distance = {((x - m) ** 2).sum()}   score = {x @ m - m @ m / 2}")

# %% [markdown]
# The dot product alone prefers $b$, because $b$ is long. The score takes the length away, and $a$ wins as it
# should. That second term does not depend on the image: it is one constant for each template. In a network
# it is called the *bias*.
#
# So the classifier is a *linear layer*, `images @ W + bias`, with $W$ of shape (64, 10).
#
# **Before you run:** guessing gives 10 % right. How much will this give? And with no bias?

# %%
templates = np.stack([train.images[train.labels == digit].mean(0) for digit in range(10)])
W, bias = templates.T, -(templates**2).sum(1) / 2

scores = validation.images @ W + bias
print("images", validation.images.shape, "@ W", W.shape, "+ bias", bias.shape, "-> scores", scores.shape)
print(f"right with bias    {(scores.argmax(1) == validation.labels).mean():.1%}")
print(f"right without bias {((validation.images @ W).argmax(1) == validation.labels).mean():.1%}")

# %%
chosen = next(i for i in range(360) if scores[i].argmax() != validation.labels[i])
titles = [f"{digit}: {score:.1f}" for digit, score in enumerate(scores[chosen])]
plots.show(
    digits.draw(
        np.vstack([validation.images[chosen : chosen + 1], templates]),
        [f"real {validation.labels[chosen]}", *titles],
        columns=11,
        title=f"Read as {scores[chosen].argmax()}: the template with the highest score wins, and is wrong here",
    ),
    alt=f"One image of the digit {validation.labels[chosen]}, then the ten mean digits with their scores. The highest "
    f"score belongs to {scores[chosen].argmax()}, so the image is misread.",
)

# %% [markdown]
# **The same in the library.** scikit-learn finds the nearest row directly. Its answers should be equal,
# image by image.

# %%
from sklearn.metrics import pairwise_distances_argmin

library = pairwise_distances_argmin(validation.images, templates)
print("equal on all validation images:", np.array_equal(library, scores.argmax(1)))

# %% [markdown]
# **Limits.** A linear layer has one template a class, so it cannot know that a 7 is written with or without
# a bar. Stacking two linear layers does not help: $(XA)B = X(AB)$ is again one linear layer. Something bent
# must stand between them; part 4 puts it there.
#
# And products cost: $(n, k) @ (k, m)$ takes $n \cdot m$ sums of $k$ products, about $2nkm$ operations.
# Nearly all the arithmetic of a language model is spent in such products.

# %%
n, k, m = *validation.images.shape, 10
print(f"2nkm = {2 * n * k * m:,} operations for all validation images")
first, second = rng.normal(size=(64, 32)), rng.normal(size=(32, 10))
print("two linear layers are one:", np.allclose((X0 := validation.images) @ first @ second, X0 @ (first @ second)))

# %% [markdown]
# ---
# ## Part 2 · Gradients
#
# **The question.** The templates were means. What if we want the *best* weights? A network has thousands of
# them. Which way should each one move, so that the errors shrink?
#
# ### By hand
#
# One weight $w$, one input $x = 3$, one wanted output $y = 3$. The *loss* says how wrong we are:
#
# $$L(w) = (w x - y)^2 \qquad\text{at } w = 2:\quad (6 - 3)^2 = 9$$
#
# The *derivative* is the slope: how much $L$ changes for each bit that $w$ changes.
#
# $$\frac{dL}{dw} = 2\,(wx - y)\cdot x = 2 \cdot 3 \cdot 3 = 18$$
#
# **Before you run:** $w$ goes from 2 to 2.001. About what does $L$ become?


# %%
def loss(w, x=3.0, y=3.0):
    return (w * x - y) ** 2


print(f"L(2) = {loss(2):.4f}   L(2.001) = {loss(2.001):.4f}")
print(f"change {loss(2.001) - loss(2):.4f}   slope times nudge {18 * 0.001:.4f}")

# %% [markdown]
# The loss rises by about 0.018, so downhill is the other way. *Gradient descent* steps against the slope:
#
# $$w \leftarrow w - \text{learning rate} \cdot \frac{dL}{dw}$$
#
# **Before you run:** from $w = 2$, with learning rate 0.05 and with 0.2: where does one step land? Is the
# loss smaller each time?

# %%
for learning_rate in (0.05, 0.2):
    w = 2 - learning_rate * 18
    print(f"learning rate {learning_rate}: w = {w:.2f}, loss = {loss(w):.2f}")

# %% [markdown]
# Same direction, four times the step, and it jumps over the valley and up the other side. The gradient says
# which way, and how steep *here*. It does not say how far that holds.
#
# ### Check a derivative with two numbers
#
# You have no formula, or do not trust it? Nudge and look:
#
# $$\frac{dL}{dw} \approx \frac{L(w+h) - L(w)}{h} \quad\text{or, better,}\quad \frac{L(w+h) - L(w-h)}{2h}$$
#
# In mathematics a smaller $h$ is always better. Take $L(w) = 1 / (1 + w^2)$ at $w = 2$, whose slope is
# exactly $-0.16$.
#
# **Before you run:** which of $h = 10^{-1}, 10^{-5}, 10^{-9}, 10^{-13}$ comes closest on a computer?


# %%
def hill(w):
    return 1 / (1 + w * w)


h = np.array([float(f"1e-{digits_behind}") for digits_behind in range(1, 14)])
one_sided = np.abs((hill(2 + h) - hill(2)) / h + 0.16)
central = np.abs((hill(2 + h) - hill(2 - h)) / (2 * h) + 0.16)
for name, errors in (("one-sided", one_sided), ("central", central)):
    print(f"{name:<10} smallest error at h = {h[errors.argmin()]:.0e}: {errors.min():.0e}")
    print(f"{'':<10} at 1e-1 {errors[0]:.0e}, 1e-5 {errors[4]:.0e}, 1e-9 {errors[8]:.0e}, 1e-13 {errors[12]:.0e}")

# %%
from matplotlib import pyplot as plt

figure, axes = plt.subplots()
axes.loglog(h, np.maximum(one_sided, 1e-14), "o-", label="one-sided, (L(w+h) − L(w)) / h")
axes.loglog(h, np.maximum(central, 1e-14), "s--", label="central, (L(w+h) − L(w−h)) / 2h")
axes.set(xlabel="nudge h", ylabel="error of the slope", title="A nudge can be too large, and too small")
axes.legend()
plots.show(
    figure,
    alt="Error of a numerical slope against the nudge h, both on logarithmic axes. Each curve is a V: large nudges "
    "miss the bend, tiny nudges lose digits. The central formula goes deeper, at a larger nudge.",
)

# %% [markdown]
# On the right side of each V the curve bends within the nudge. On the left side the two values agree in so
# many digits that their difference is mostly rounding. So: central, with $h$ near $10^{-5}$ in float64.
#
# **Limits.** Each weight needs two runs of the whole model. A model with a million weights needs two million
# runs for one step. That is why the next idea carried the field.
#
# ### All slopes in one pass: the chain rule
#
# A slightly longer chain, still small enough for a pencil. One neuron with weight $w = 0.5$, input $x = 2$,
# bias $b = -1$; it should say $y = 1$.
#
# | step | value | slope of this step |
# |---|---|---|
# | $s = w x + b$ | $1 - 1 = 0$ | $ds/dw = x = 2$, $\;ds/db = 1$, $\;ds/dx = w = 0.5$ |
# | $t = \tanh s$ | $0$ | $dt/ds = 1 - t^2 = 1$ |
# | $e = t - y$ | $-1$ | $de/dt = 1$ |
# | $L = e^2$ | $1$ | $dL/de = 2e = -2$ |
#
# The chain rule: along a path, slopes *multiply*. $dL/ds = -2 \cdot 1 \cdot 1 = -2$. Note that you compute
# it once and use it three times.
#
# **Before you run on:** find $dL/dw$, $dL/db$ and $dL/dx$.
#
# <details><summary>Answer</summary>
#
# $dL/dw = -2 \cdot 2 = -4$, $\;dL/db = -2$, $\;dL/dx = -2 \cdot 0.5 = -1$.
#
# </details>
#
# A computer can do just that: remember, for each number, what it was made from and the slope of that step.
# Then walk backwards. This is *automatic differentiation*; for networks it is called *backpropagation*. Here
# is all of it:


# %%
import math


class Scalar:
    """A number that remembers what it was made from."""

    def __init__(self, value, name="", parents=(), slopes=()):
        self.value, self.name, self.parents, self.slopes = value, name, parents, slopes
        self.grad = 0.0

    def __add__(self, other):
        return Scalar(self.value + other.value, f"{self.name} + {other.name}", (self, other), (1.0, 1.0))

    def __mul__(self, other):
        return Scalar(self.value * other.value, f"{self.name}·{other.name}", (self, other), (other.value, self.value))

    def tanh(self):
        t = math.tanh(self.value)
        return Scalar(t, "tanh", (self,), (1 - t * t,))

    def order(self):
        """This number and all that it was made from, parents first."""
        found = []

        def visit(node):
            if node not in found:
                for parent in node.parents:
                    visit(parent)
                found.append(node)

        visit(self)
        return found

    def backward(self):
        self.grad = 1.0  # dL/dL
        for node in reversed(self.order()):
            for parent, slope in zip(node.parents, node.slopes, strict=True):
                parent.grad += node.grad * slope


# %% [markdown]
# Read `backward` once more. It starts with $dL/dL = 1$. Each node hands its own gradient to its parents,
# times the slope of the step. "Parents first", reversed, makes sure that a node has collected all its
# gradient before it hands it on.
#
# Now the neuron. `-y` goes in as a number of its own, and $e^2$ is $e \times e$.

# %%
w, x, b, minus_y = Scalar(0.5, "w"), Scalar(2.0, "x"), Scalar(-1.0, "b"), Scalar(-1.0, "−y")
error = (w * x + b).tanh() + minus_y
loss_node = error * error
loss_node.backward()
print(f"dL/dw = {w.grad}   dL/db = {b.grad}   dL/dx = {x.grad}")

# %%
from course.graphs import draw_graph

loss_node.name, error.name = "loss", "error"
plots.show(
    draw_graph(loss_node.order(), "Values flow to the right, gradients flow back to the left"),
    alt="A graph of the neuron: w 0.5 and x 2 are multiplied to 1; b −1 is added to give 0; tanh gives 0; minus y "
    "gives the error −1; squared, the loss 1. The gradients: loss 1, error −2, tanh −2, sum −2, b −2, product −2, "
    "w −4, x −1.",
)

# %% [markdown]
# The last box uses `error` twice. Both uses hand a gradient back.
#
# **Before you run:** $L = w \cdot w$ at $w = 3$. The slope is 6. What would come out if `backward` said `=`
# in place of `+=`?

# %%
w = Scalar(3.0, "w")
square = w * w
square.backward()
shares = [square.grad * slope for slope in square.slopes]
print("with += :", w.grad, "   the two shares:", shares, "   with = :", shares[-1])

# %% [markdown]
# With `=` the second share overwrites the first: 3, half the slope. *Where a value is used several times,
# its gradients add.*
#
# **The same in the library.** PyTorch does this for whole tensors. The neuron again, and then the same
# `backward` twice.
#
# **Before you run:** what does `w.grad` hold after the second call?

# %%
w, x, b = (torch.tensor(value, requires_grad=True) for value in (0.5, 2.0, -1.0))
for call in (1, 2):
    loss = (torch.tanh(w * x + b) - 1) ** 2
    loss.backward()
    print(f"after call {call}: dL/dw = {w.grad}   dL/db = {b.grad}   dL/dx = {x.grad}")

# %% [markdown]
# PyTorch adds across calls, too. That is why each training step begins with `zero_grad()`. Forget it, and
# each step uses the sum of all gradients so far.
#
# ### The gradient of a matrix product
#
# $Y = XW$ with $X$ of shape $(n, k)$ and $W$ of shape $(k, m)$. Someone hands you $G = dL/dY$, shape
# $(n, m)$. The gradient of $W$ has the shape of $W$, since each weight has one slope.
#
# **Before you run:** which product of $X$, $G$ and their transposes has shape $(k, m)$? And $(n, k)$, for
# $X$?
#
# <details><summary>Answer</summary>
#
# $dL/dW = X^\top G$: $(k, n) @ (n, m)$. $\;dL/dX = G W^\top$: $(n, m) @ (m, k)$. Shapes leave one choice
# each.
#
# </details>

# %%
X = torch.randn(5, 3, requires_grad=True, generator=torch.manual_seed(0))
W = torch.randn(3, 2, requires_grad=True)
G = torch.randn(5, 2)
(X @ W).backward(G)
print("dL/dW is X.T @ G:", torch.allclose(W.grad, X.T @ G), "    dL/dX is G @ W.T:", torch.allclose(X.grad, G @ W.T))

# %% [markdown]
# One forward product costs two backward products. So a training step costs about three times a forward pass.
#
# ### Descend a real surface
#
# Two weights make a surface that you can see. Take all 3s and 8s of the digits. Describe each image by two
# numbers: its ink at the upper left and at the lower left, where an 8 closes its loops. The model: a
# weighted sum of the two, which should be −1 for a 3 and +1 for an 8. The loss: the mean squared error.

# %%
from course import descent

problem = descent.threes_and_eights()
print("features", problem.features.shape, " loss at the start", problem.loss(descent.START).round(2))
print("best weights", problem.best().round(2), " loss there", problem.loss(problem.best()).round(2))
right = ((problem.features @ problem.best() > 0) == (problem.targets > 0)).mean()
print(f"two numbers an image tell {right:.0%} of these 3s and 8s apart")

# %% [markdown]
# **Before you slide,** three predictions. Then move the knobs and see.
#
# 1. Learning rate 0.10, 20 steps. The path first drops across the valley, then creeps along it. Does it
#    reach the star?
# 2. Somewhere between 0.50 and 0.70 the loss stops falling and grows. Where?
# 3. Back to 0.10, momentum 0.6. Faster or slower? And momentum 0.9?

# %%
descent.explorer()

# %% [markdown]
# What the knobs show, in numbers:

# %%
gentle, steep = problem.curvatures()
print(f"curvature along the valley {gentle:.2f}, across it {steep:.2f}; 2 / {steep:.2f} = {2 / steep:.3f}")
for learning_rate, momentum in [(0.1, 0.0), (0.5, 0.0), (0.6, 0.0), (0.61, 0.0), (0.1, 0.6), (0.1, 0.9)]:
    path = descent.descend(problem, learning_rate, momentum, steps=20)
    print(f"learning rate {learning_rate:.2f}, momentum {momentum}: loss after 20 steps {problem.loss(path[-1]):.3f}")

# %% [markdown]
# - At 0.10 the path is not there after 20 steps. The slope along the valley is gentle, so the steps are
#   short.
# - On a bowl the limit is exact: *2 divided by the largest curvature*. Here that is 0.603. At 0.60 the path
#   still shrinks, slowly; at 0.61 it grows. The steepest direction sets the limit, and the gentlest one sets
#   the time.
# - Momentum adds up steps that agree and cancels steps that alternate. At the same learning rate, 0.6
#   arrives. At 0.9 the path rolls past the bottom and has to come back.
#
# **The same in the library.** `torch.optim.SGD` should walk the same path, point by point.

# %%
features, targets = torch.tensor(problem.features), torch.tensor(problem.targets)
weights = torch.tensor(descent.START, dtype=torch.float64, requires_grad=True)
optimizer = torch.optim.SGD([weights], lr=0.1, momentum=0.6)
for _ in range(20):
    optimizer.zero_grad()
    ((features @ weights - targets) ** 2).mean().backward()
    optimizer.step()
ours = descent.descend(problem, 0.1, 0.6, steps=20)[-1]
print("torch", weights.detach().numpy().round(4), " ours", ours.round(4))

# %% [markdown]
# **Limits.** The loss of a deep network is no bowl. It has flat places and saddles, and curvature that
# changes as you walk. The largest safe learning rate is then found by trying. Week 3 builds AdamW, which
# gives each weight a step size of its own.

# %% [markdown]
# ---
# ## Part 3 · Probability
#
# **The question.** A language model does not say *the next letter is e*. It says *e with 60 %*. Then an *a*
# comes. How wrong was that, as a number?
#
# ### By hand: a distribution and its expectation
#
# A *distribution* gives each outcome a probability; none is negative, together they make 1. Say
# $p = (\tfrac12, \tfrac14, \tfrac14)$ for the outcomes 1, 2 and 3. The *expectation* is the mean that you
# would see in the long run: each outcome times its probability, added up.
#
# **Before you run:** what is it? How many draws until your sample mean has ten times less error than with
# 100 draws?

# %%
p, outcomes = np.array([1 / 2, 1 / 4, 1 / 4]), np.array([1, 2, 3])
expectation = (p * outcomes).sum()
print("expectation", expectation)

rng = np.random.default_rng(0)
for draws in (100, 1_000, 10_000):
    means = rng.choice(outcomes, size=(500, draws), p=p).mean(axis=1)
    print(f"{draws:>6} draws: typical error of the mean {np.sqrt(((means - expectation) ** 2).mean()):.4f}")

# %% [markdown]
# Ten times less error takes a hundred times the draws: the error falls as $1/\sqrt{n}$. Keep it in mind for
# part 6, where a test set is a sample, too.
#
# ### Likelihood, and why everyone takes logarithms
#
# A coin shows heads 7 times in 10. If heads has probability $q$, such a series has probability
# $q^7 (1-q)^3$: independent events multiply. Read as a function of $q$ it is the *likelihood*.
#
# Real data are longer than ten tosses.
#
# **Before you run:** a text of 300 tokens, each with probability 0.05. What does a computer say that the
# product is?

# %%
print("product:", 0.05**300)
print(f"sum of logarithms: {300 * math.log(0.05):.1f}")

# %% [markdown]
# The product is smaller than any float64 above 0, so it becomes 0 and all is lost. The logarithm turns
# products into sums and keeps everything. So the quantity to work with is the *log-likelihood*. Its
# negative, divided by the number of tokens, is the loss of every language model in this course.
#
# **Before you run:** where does the coin's log-likelihood peak?

# %%
q = np.linspace(0.01, 0.99, 197)
log_likelihood = 7 * np.log(q) + 3 * np.log(1 - q)
best = q[log_likelihood.argmax()]

figure, axes = plt.subplots(figsize=(7, 3.3))
axes.plot(q, log_likelihood)
axes.plot(best, log_likelihood.max(), "o", color=plots.ORANGE)
axes.annotate(f"q = {best:.2f}", (best, log_likelihood.max()), xytext=(best - 0.03, -11), color=plots.ORANGE)
axes.set(xlabel="probability of heads, q", ylabel="log-likelihood (nats)", ylim=(-25, -4))
axes.set_title("The best explanation of 7 heads in 10 is their share, 0.7")
plots.show(
    figure,
    alt="Log-likelihood of seven heads in ten tosses against the coin's probability of heads: a smooth hill with "
    f"its top at {best:.2f}.",
)

# %% [markdown]
# The peak is the share that was counted. Choosing what makes the data most likely is called *maximum
# likelihood*, and for counts it gives the shares. (The bigram model of lesson 1 is this, once for each
# letter before.)
#
# ### Entropy: how surprising is it on average?
#
# Call $-\log_2 p$ the *surprise* of an event, in *bits*. Probability ½ is one bit, ¼ is two bits, certainty
# is none. The *entropy* is the expected surprise:
#
# $$H(p) = -\sum_i p_i \log_2 p_i$$
#
# **Before you run:** by hand, for $(\tfrac12, \tfrac14, \tfrac14)$. And for 26 equally likely letters: more
# or less than 5 bits?


# %%
def entropy(p):
    """Bits; every probability above 0."""
    return -(p * np.log2(p)).sum()


print(f"(1/2, 1/4, 1/4): {entropy(p):.2f} bits     26 equal letters: {entropy(np.full(26, 1 / 26)):.2f} bits")

# %% [markdown]
# $\tfrac12 \cdot 1 + \tfrac14 \cdot 2 + \tfrac14 \cdot 2 = 1.5$. Bits are meant literally: with the code
# `0`, `10`, `11` a long series takes 1.5 bits an outcome, and no code does better (Shannon 1948).
#
# Now real text: the letters spoken in *Macbeth*, and those of the Python language reference.
# **Before you run:** is the entropy of real letters above or below that of 26 equal ones?

# %%
from collections import Counter
from pydoc_data.topics import topics
from course import plays

ALPHABET = "abcdefghijklmnopqrstuvwxyz"


def letter_shares(text):
    counts = Counter(character for character in text.lower() if character in ALPHABET)
    return np.array([counts[letter] for letter in ALPHABET]) / counts.total()


macbeth, python = letter_shares(plays.spoken("macbeth")), letter_shares("\n".join(topics.values()))
print(f"Macbeth {entropy(macbeth):.1f} bits a letter, Python reference {entropy(python):.1f} bits a letter")

# %% [markdown]
# Below, as it must be: the uniform distribution is the most surprising one.
#
# ### KL divergence: the price of believing the wrong distribution
#
# Data come from $p$, you believe $q$. Your expected surprise is the *cross-entropy*. What you pay above the
# entropy is the *KL divergence*:
#
# $$H(p, q) = -\sum_i p_i \log_2 q_i \qquad D_{KL}(p \,\|\, q) = H(p, q) - H(p) = \sum_i p_i \log_2 \frac{p_i}{q_i}$$
#
# **By hand:** $p = (\tfrac12, \tfrac12)$ and $q = (\tfrac14, \tfrac34)$, with
# $\log_2 \tfrac23 \approx -0.585$.
#
# **Before you run:** compute $D_{KL}(p\|q)$. Then guess: is $D_{KL}(q\|p)$ the same?


# %%
def kl(p, q):
    """Bits; every probability above 0."""
    return (p * np.log2(p / q)).sum()


fair, loaded = np.array([0.5, 0.5]), np.array([0.25, 0.75])
print(f"KL(p||q) = {0.5 * 1 + 0.5 * -0.585:.4f} by hand, {kl(fair, loaded):.4f} in code")
print(f"KL(q||p) = {kl(loaded, fair):.4f}")

# %% [markdown]
# Not the same. It is no distance: it asks what it costs to believe the second when the first is true.
#
# Now the two texts.

# %%
figure, axes = plt.subplots(figsize=(8, 3.3))
place = np.arange(26)
axes.bar(place - 0.2, 100 * macbeth, 0.4, label="Macbeth")
axes.bar(place + 0.2, 100 * python, 0.4, label="Python reference", hatch="///", edgecolor="white")
axes.set_xticks(place, list(ALPHABET))
axes.set(xlabel="letter", ylabel="share of all letters (%)")
axes.set_title(f"Believing Python's letters costs {kl(macbeth, python):.2f} bits for each letter of Macbeth")
axes.legend()
plots.show(
    figure,
    alt="Bars with the share of each letter in Macbeth and in the Python reference. They are alike; h, w and y are "
    "more frequent in Macbeth, c, p and x in the reference.",
)

# %% [markdown]
# **The same in the library,** twice, and a trap.

# %%
from scipy.stats import entropy as scipy_entropy

P, Q, ours = torch.tensor(macbeth), torch.tensor(python), kl(macbeth, python)
for name, nats in [
    ("scipy entropy(p, q)      ", scipy_entropy(macbeth, python)),
    ("torch kl_div(log q, p)   ", torch.nn.functional.kl_div(Q.log(), P, reduction="sum").item()),
    ("trap: kl_div(log p, q)   ", torch.nn.functional.kl_div(P.log(), Q, reduction="sum").item()),
]:
    bits = nats / math.log(2)
    print(f"{name} {bits:.2f} bits, equal to ours: {math.isclose(bits, ours)}")

# %% [markdown]
# `kl_div` takes the *logarithm of the belief first*, then the truth: the reverse of the formula. Written the
# other way round it still gives a number, of the other divergence. It also counts in *nats*, with the
# natural logarithm, as does every loss in PyTorch. One bit is $\ln 2 \approx 0.69$ nats.
#
# ### The loss of a classifier
#
# For one image the truth is one-hot: the label has probability 1. Its entropy is 0. All terms of the
# cross-entropy but one are zero times something, so what is left is the surprise at the label:
#
# $$\text{loss} = -\ln q_{\text{label}}$$
#
# That answers the question of this part.
#
# **Before you run:** *e* had 60 %, then *a* came, which had 10 %. The loss? And that of a model that gives
# ten classes the same probability? And what if the label had probability 0?

# %%
print(f"10 % on what came: {-math.log(0.10):.3f} nats")
print(f"60 % on what came: {-math.log(0.60):.3f} nats")
print(f"one of ten equal classes: ln 10 = {math.log(10):.3f} nats")
print("0 % on what came:", -torch.log(torch.tensor(0.0)).item(), "nats")

# %% [markdown]
# 10 % on what came costs as much as guessing among ten. Probability 0 on what came costs infinitely much: a
# model must leave some probability on everything that can happen.
#
# **Limits.** The letters here were counted one by one, as if each came alone. Real text has more order than
# that: with the letters before in view, Shannon (1951) estimated English at 0.6 to 1.3 bits a letter. The
# distance from 4 bits down to there is what language models are for.

# %% [markdown]
# ---
# ## Part 4 · One training step, three libraries
#
# **The question.** You have matrix products, gradients and a loss. What is a neural network beyond that?
#
# One thing: something bent between two linear layers. The usual bend is *ReLU*, $\max(0, z)$. Our
# *multilayer perceptron* (MLP) for the digits:
#
# $$X \;(n, 64) \xrightarrow{\;W_1,\, b_1\;} \text{ReLU} \xrightarrow{\;W_2,\, b_2\;} \text{logits}\;(n, 10)
# \xrightarrow{\text{softmax}} P \;(n, 10)$$
#
# with 32 numbers in the middle. A *logit* is a score before it is turned into a probability:
# $P = e^{\text{logit}}$, divided by the row's sum.
#
# **Before you run:** the shapes of $W_1$, $b_1$, $W_2$, $b_2$, and how many numbers that is in all.

# %%
rng = np.random.default_rng(0)
weights = {
    "W1": rng.normal(0, np.sqrt(2 / 64), (64, 32)).astype("float32"),
    "b1": np.zeros(32, "float32"),
    "W2": rng.normal(0, np.sqrt(1 / 32), (32, 10)).astype("float32"),
    "b2": np.zeros(10, "float32"),
}
print({name: value.shape for name, value in weights.items()})
print("parameters:", sum(value.size for value in weights.values()))

# %% [markdown]
# The only gradient that is new is that of the loss with respect to the logits. It is short: *what you said
# minus what was true*, $P - \text{onehot}$.
#
# **By hand:** you said (0.7, 0.2, 0.1), the label was the second. The gradient is (0.7, −0.8, 0.1): the two
# wrong logits should fall, the right one should rise. It sums to 0. Check it with nudges:

# %%
logits, label, h = np.log([0.7, 0.2, 0.1]), 1, 1e-5


def surprise(logits):
    return -np.log(np.exp(logits[label]) / np.exp(logits).sum())


slopes = [(surprise(logits + h * axis) - surprise(logits - h * axis)) / (2 * h) for axis in np.eye(3)]
print("nudges", np.round(slopes, 4))

# %% [markdown]
# ### NumPy: everything in the open
#
# One step on 100 images: forward, loss, backward, update. Follow the shapes in the comments. Each line of
# the backward part is the mirror of a line of the forward part.

# %%
images, labels, learning_rate = train.images[:100].astype("float32"), train.labels[:100], 0.5


def numpy_step(W1, b1, W2, b2):
    z = images @ W1 + b1  # (100, 32)
    hidden = np.maximum(z, 0)  # ReLU
    logits = hidden @ W2 + b2  # (100, 10)
    P = np.exp(logits)
    P = P / P.sum(axis=1, keepdims=True)
    loss = -np.log(P[np.arange(100), labels]).mean()

    d_logits = (P - np.eye(10, dtype="float32")[labels]) / 100  # said minus true, as a mean over images
    d_W2, d_b2 = hidden.T @ d_logits, d_logits.sum(0)
    d_z = (d_logits @ W2.T) * (z > 0)  # where ReLU was flat, nothing flows back
    d_W1, d_b1 = images.T @ d_z, d_z.sum(0)

    pairs = ((W1, d_W1), (b1, d_b1), (W2, d_W2), (b2, d_b2))
    after = [value - learning_rate * slope for value, slope in pairs]
    return loss, after


numpy_loss, numpy_after = numpy_step(**weights)
print(f"loss {numpy_loss:.4f}   (ln 10 = {math.log(10):.4f})")

# %% [markdown]
# A loss near $\ln 10$ before any training is a good sign: the network has no opinion yet. A first loss of 30
# would mean that it is sure of itself for no reason, and that something is wrong.
#
# ### PyTorch: you write the forward pass, autograd writes the backward pass
#
# Same weights, same images. One surprise: `nn.Linear(64, 32)` keeps its weight as (32, 64), outputs first,
# and computes `x @ weight.T`. So ours go in transposed.

# %%
from torch import nn

torch_model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
print("weight of nn.Linear(64, 32):", tuple(torch_model[0].weight.shape))
with torch.no_grad():
    for layer, W, b in ((torch_model[0], "W1", "b1"), (torch_model[2], "W2", "b2")):
        layer.weight.copy_(torch.tensor(weights[W].T))
        layer.bias.copy_(torch.tensor(weights[b]))

optimizer = torch.optim.SGD(torch_model.parameters(), lr=learning_rate)
optimizer.zero_grad()
torch_loss = nn.functional.cross_entropy(torch_model(torch.tensor(images)), torch.tensor(labels))
torch_loss.backward()
optimizer.step()
torch_after = [p.detach().numpy().T for p in torch_model.parameters()]
print(f"loss {torch_loss.item():.4f}")

# %% [markdown]
# `cross_entropy` wants *logits*, not probabilities: it takes the softmax itself, in a way that is safe for
# large numbers. Giving it probabilities is a frequent mistake, and it raises no error.
#
# ### Keras: you name the parts, `train_on_batch` does the rest
#
# Keras 3 runs on top of PyTorch, TensorFlow or JAX; the variable must be set before the first import. Its
# `Dense` keeps its weight as (64, 32), inputs first, as we did.

# %%
import os

os.environ["KERAS_BACKEND"] = "torch"
import keras

keras_model = keras.Sequential(
    [
        keras.Input((64,)),
        keras.layers.Dense(32, activation="relu"),
        keras.layers.Dense(10),
    ]
)
keras_model.set_weights(list(weights.values()))
keras_model.compile(
    optimizer=keras.optimizers.SGD(learning_rate),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
)
keras_loss = keras_model.train_on_batch(images, labels)
keras_after = keras_model.get_weights()
print(f"loss {float(keras_loss):.4f}")

# %% [markdown]
# **Before you run:** three libraries, float32. How far apart are the weights after the step: 0, below
# $10^{-6}$, or below $10^{-3}$?

# %%
for name, after in (("PyTorch", torch_after), ("Keras", keras_after)):
    apart = max(np.abs(ours - theirs).max() for ours, theirs in zip(numpy_after, after, strict=True))
    print(f"{name:<7} and NumPy: all four arrays within 1e-6 of each other: {apart < 1e-6}")

# %% [markdown]
# | | NumPy | PyTorch | Keras |
# |---|---|---|---|
# | forward pass | you | you | named layers |
# | loss | you | a function | named in `compile` |
# | gradients | you | `loss.backward()` | inside |
# | update | you | `optimizer.step()` | inside |
# | the loop over batches | you | you | `fit` |
# | good for | seeing everything | research; this course | standard models, quickly |
#
# Not bit for bit equal: float32 sums depend on their order. Equal to the last digits that float32 has.
#
# **Limits.** One step is not training, and a falling training loss is not yet success. That is the next
# part.

# %% [markdown]
# ---
# ## Part 5 · Overfitting and the validation set
#
# **The question.** The training loss is almost 0. Are we done?
#
# **The smallest example.** A "model" that stores every training image and looks it up is right on 100 % of
# them. It knows nothing about any other image. So the training score alone cannot tell learning from
# storing. Images that the training never saw can: the *validation set*.
#
# Let us provoke it: 40 images, and a network with many more weights than that.
#
# **Before you run:** how many parameters has 64 → 128 → 10? Sketch two curves over 300 steps: loss on the 40
# training images, and on the 360 validation images.


# %%
def network(width, seed=0):
    """float64, so that your numbers equal the ones in the text on any machine."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10)).double()


def fit(model, images, labels, steps, learning_rate=0.01, weight_decay=0.0):
    """Train on all images at each step; return losses, and validation accuracy, before each step."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=weight_decay)
    images, labels = torch.tensor(images), torch.tensor(labels)
    new_images, new_labels = map(torch.tensor, validation)
    history = {"train": [], "validation": [], "accuracy": [], "sure when wrong": []}
    for _ in range(steps):
        loss = nn.functional.cross_entropy(model(images), labels)
        with torch.no_grad():
            logits = model(new_images)
            wrong = logits.argmax(1) != new_labels
            history["train"].append(loss.item())
            history["validation"].append(nn.functional.cross_entropy(logits, new_labels).item())
            history["accuracy"].append(1 - wrong.double().mean().item())
            history["sure when wrong"].append(logits.softmax(1).amax(1)[wrong].mean().item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return {name: np.array(values) for name, values in history.items()}


few = network(128)
print("parameters:", sum(p.numel() for p in few.parameters()))
history = fit(few, train.images[:40], train.labels[:40], steps=300)

# %%
best = history["validation"].argmin()
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
left.semilogy(history["train"], label="training loss, 40 images")
left.semilogy(history["validation"], "--", label="validation loss, 360 images")
left.axvline(best, color=plots.MUTED, linestyle=":", label=f"lowest validation loss, step {best}")
left.set(xlabel="step", ylabel="cross-entropy (nats)", title="One keeps falling, one turns", ylim=(1e-4, 20))
left.legend(fontsize=9)
right.plot(100 * history["accuracy"], color=plots.GREEN, label="right")
right.plot(100 * history["sure when wrong"], "--", color=plots.PURPLE, label="sure, where wrong")
right.axvline(best, color=plots.MUTED, linestyle=":")
right.set(xlabel="step", ylabel="on validation images (%)", title="Not more wrong, but surer", ylim=(0, 100))
right.legend()
plots.show(
    figure,
    alt=f"Left: over 300 steps the training loss falls below 0.001; the validation loss falls until step {best}, then "
    "rises. Right: validation accuracy stays flat near 75 per cent after that step, while the model's confidence on "
    "the images that it gets wrong rises.",
)

# %%
for name, step in (("best step", best), ("last step", -1)):
    row = {key: values[step] for key, values in history.items()}
    print(
        f"{name}: training loss {row['train']:.4f}, validation loss {row['validation']:.2f}, "
        f"accuracy {row['accuracy']:.0%}, sure when wrong {row['sure when wrong']:.0%}"
    )

# %% [markdown]
# Look at both pictures. After the dotted line the network still improves on its 40 images. On new images it
# gets *no better and no worse* at choosing: about three in four. But where it is wrong it becomes surer and
# surer, and the loss makes it pay for that. This is *overfitting*. Note that accuracy alone would have
# hidden it.
#
# ### What helps?
#
# Three usual answers: stop at the best step (*early stopping*), pull the weights towards 0 (*weight decay*),
# get more images.
#
# **Before you run:** which of the three helps most? Order them.

# %%
print("images  weight decay   best step   validation loss there   at step 300   accuracy at best step")
for n, decay in [(40, 0.0), (40, 1.0), (160, 0.0), (640, 0.0)]:
    run = fit(network(128), train.images[:n], train.labels[:n], steps=300, weight_decay=decay)
    step = run["validation"].argmin()
    print(
        f"{n:>6} {decay:>13} {step:>11} {run['validation'][step]:>23.2f} "
        f"{run['validation'][-1]:>13.2f} {run['accuracy'][step]:>23.0%}"
    )

# %% [markdown]
# - Early stopping keeps the loss at its lowest, for free. In Keras it is `keras.callbacks.EarlyStopping`, in
#   scikit-learn `MLPClassifier(early_stopping=True)`.
# - Weight decay makes the late rise smaller here, and the best point no better.
# - More images beat both, by far. This is why week 3 begins with data.
#
# **Try it.** Change 128 to 8, then to 1024, in `network(128)` above. Does a smaller network overfit less?
#
# ### Why a third part?
#
# You just chose the best step by looking at the validation set. Each choice fits it a little. How much can
# choosing alone do? Take 1,000 "models" that guess, and choose the best one on 50 validation images.
#
# **Before you run:** how well does the winner do on those 50? And on 360 new images?

# %%
guesses = np.random.default_rng(0).integers(0, 10, size=(1000, 410))
scores = (guesses[:, :50] == validation.labels[:50]).mean(axis=1)
winner = scores.argmax()
print(f"the winner on the 50 images it was chosen by: {scores[winner]:.0%}")
print(f"the winner on 360 other images: {(guesses[winner, 50:] == train.labels[:360]).mean():.0%}")

# %% [markdown]
# It more than doubled its score by luck, and the luck stays behind. So: *train* to fit, *validate* to
# choose, *test* to report, once, at the end. We have not touched the test part yet.
#
# **Limits.** A single validation set of 360 images is itself a sample (part 3). Cross-validation uses all
# images in turn; it costs several trainings.

# %% [markdown]
# ---
# ## Part 6 · A network and an honest baseline
#
# **The question.** Is the network worth it? "97 % right" means nothing alone. It means something beside what
# a simpler method gets on the same images.
#
# Four methods, all choices made on validation, then the test part opened once:
#
# - nearest template: part 1, no training;
# - *logistic regression*: a linear layer and softmax, trained; no hidden layer;
# - *3 nearest neighbours*: store all training images, let the three nearest vote;
# - our MLP, 64 → 128 → 10, stopped at its best step on validation.
#
# **Before you run:** order them. Write your order down.

# %%
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

steps = int(fit(network(128), *train, steps=150)["validation"].argmin())
mlp = network(128)
fit(mlp, *train, steps=steps)


def mlp_predict(images):
    with torch.no_grad():
        return mlp(torch.tensor(images)).argmax(1).numpy()


logistic = LogisticRegression(C=10, max_iter=1000).fit(*train)
neighbours = KNeighborsClassifier(3, algorithm="kd_tree").fit(*train)
models = {
    "nearest template": lambda images: pairwise_distances_argmin(images, templates),
    "logistic regression": logistic.predict,
    "3 nearest neighbours": neighbours.predict,
    "MLP": mlp_predict,
}
print(f"the MLP stops after {steps} steps\n")
right_on_test = {}
for name, predict in models.items():
    right_on_test[name] = predict(test.images) == test.labels
    on_validation = (predict(validation.images) == validation.labels).mean()
    print(f"{name:<21} validation {on_validation:.1%}   test {right_on_test[name].mean():.1%}")

# %% [markdown]
# Was your order right? On validation three methods are level. On test the network is the last of the three,
# behind a linear layer and behind a method that only stores images.
#
# Is a difference of so few images real? Each score is a sample of 360. Here is the range in which the true
# share plausibly lies (95 %, Wilson 1927). Then a fairer question: on images where exactly one of the two
# models is right, how often is it the MLP?
#
# **Before you run:** how wide is the range: ±0.2, ±2 or ±10 points?

# %%
from scipy.stats import binomtest

for name, right in right_on_test.items():
    low, high = binomtest(int(right.sum()), len(right)).proportion_ci(method="wilson")
    print(f"{name:<21} {right.mean():.1%}   95 % range {low:.1%} to {high:.1%}")

mlp_only = int((right_on_test["MLP"] & ~right_on_test["logistic regression"]).sum())
linear_only = int((~right_on_test["MLP"] & right_on_test["logistic regression"]).sum())
chance = binomtest(mlp_only, mlp_only + linear_only).pvalue
print(f"\nonly the MLP right: {mlp_only} images; only logistic regression right: {linear_only} images")
print(f"two equal models would differ at least this much with probability {chance:.2f}")

# %% [markdown]
# With these 360 images you cannot say that either is better. That is a result, too. A report that shows only
# the network's number hides it.
#
# Look at the mistakes. Numbers tell how many; pictures tell which kind.

# %%
predicted = mlp_predict(test.images)
wrong = np.flatnonzero(predicted != test.labels)
plots.show(
    digits.draw(
        test.images[wrong],
        [f"{test.labels[i]}, read {predicted[i]}" for i in wrong],
        columns=6,
        title=f"All {len(wrong)} test images that the MLP misreads",
    ),
    alt=f"The {len(wrong)} test digits that the network gets wrong, each with its label and what the network read. "
    "Several are hard to read for a person, too.",
)

# %% [markdown]
# ### One more honest look: how were the images split?
#
# We shuffled before we split. UCI's description says that 13 people wrote these 1,797 digits. So most test
# images have neighbours by the same hand in the training part. What about a new hand?
#
# The file does not name the writers. If its order follows the collecting, neighbours in the file are often
# of one hand. Keep the last 360 images for the test and train on the first 1,437. For a fair comparison,
# score the *same* 360 images with models that were trained on shuffled parts.
#
# **Before you run:** will the scores fall, stay or rise?

# %%
from sklearn.model_selection import StratifiedKFold, cross_val_predict

all_images, all_labels = digits.everything()
folds = StratifiedKFold(5, shuffle=True, random_state=0)
for name, model in (
    ("logistic regression", LogisticRegression(C=10, max_iter=1000)),
    ("3 nearest neighbours", KNeighborsClassifier(3, algorithm="kd_tree")),
):
    mixed = cross_val_predict(model, all_images, all_labels, cv=folds)[-360:]
    apart = model.fit(all_images[:-360], all_labels[:-360]).predict(all_images[-360:])
    print(
        f"{name:<21} trained on shuffled parts {(mixed == all_labels[-360:]).mean():.1%}   "
        f"on the earlier images only {(apart == all_labels[-360:]).mean():.1%}"
    )

# %% [markdown]
# The same images, the same methods, about the same number of training images. What differs is whether the
# training saw images from nearby in the file. *How you split decides which question you answer*: "another
# digit by these people" or "a digit by somebody new". For text the same trap is called contamination; weeks
# 3 and 4 come back to it.
#
# **Limits.** These images are tiny, clean and centred. On the 28 by 28 pixels of MNIST a linear classifier
# misread 12 % of the test images and the network LeNet-5 about 1 % (LeCun et al. 1998). The habit stays the
# same: a baseline first, an interval beside each number, a test set opened once, and a split that fits the
# question.
#
# **Try it.** Change 128 to 16 in both places of part 6 and run part 6 again. How many weights did the
# network need?

# %% [markdown]
# ---
# ## Three questions
#
# **1.** `X` is (32, 64), `W` is (64, 10), and the gradient of the loss with respect to `X @ W` is `G`. Which
# shape has `G`, and what is the gradient with respect to `W`?
#
# <details><summary>Answer</summary>
#
# `G` has the shape of `X @ W`, (32, 10). The gradient of `W` is `X.T @ G`: (64, 32) @ (32, 10) = (64, 10),
# the shape of `W`. It is the sum over the 32 rows of what each row asks for.
#
# </details>
#
# **2.** A model of 26 letters has a loss of 3.26 nats at its first step. Later it has 1.5 nats. What do the
# two numbers say, in words and in bits?
#
# <details><summary>Answer</summary>
#
# $\ln 26 = 3.26$: at first it gives all letters the same probability, 4.70 bits a letter. 1.5 nats are
# $1.5 / \ln 2 = 2.16$ bits: it is as unsure as if it chose among $e^{1.5} \approx 4.5$ equally likely
# letters.
#
# </details>
#
# **3.** A friend tries 200 settings, keeps the one with the best score on the test set, 98.1 % of 360
# images, and reports that the network beats logistic regression with 97.5 %. Name two faults.
#
# <details><summary>Answer</summary>
#
# The test set was used to choose, so its best score is partly luck (part 5): choose on validation. And 0.6
# points of 360 are two images, well inside the range of chance (part 6). A third: were the writers of the
# test images among those of the training images?
#
# </details>

# %% [markdown]
# ## Where it comes from
#
# - Backpropagation: Rumelhart, Hinton and Williams, *Learning representations by back-propagating errors*,
#   1986, [doi.org/10.1038/323533a0](https://doi.org/10.1038/323533a0). Automatic differentiation, surveyed:
#   Baydin et al., 2018, [jmlr.org/papers/v18/17-468](https://jmlr.org/papers/v18/17-468.html). A scalar
#   autograd to read next: Karpathy, *micrograd*, 2020,
#   [github.com/karpathy/micrograd](https://github.com/karpathy/micrograd).
# - Momentum: Polyak, *Some methods of speeding up the convergence of iteration methods*, 1964,
#   [doi.org/10.1016/0041-5553(64)90137-5](https://doi.org/10.1016/0041-5553%2864%2990137-5).
# - Entropy: Shannon, *A mathematical theory of communication*, 1948,
#   [doi.org/10.1002/j.1538-7305.1948.tb01338.x](https://doi.org/10.1002/j.1538-7305.1948.tb01338.x); English
#   letters: *Prediction and entropy of printed English*, 1951,
#   [doi.org/10.1002/j.1538-7305.1951.tb01366.x](https://doi.org/10.1002/j.1538-7305.1951.tb01366.x).
#   Divergence: Kullback and Leibler, 1951,
#   [doi.org/10.1214/aoms/1177729694](https://doi.org/10.1214/aoms/1177729694).
# - Early stopping, weight decay and validation: Goodfellow, Bengio and Courville, *Deep Learning*, 2016,
#   chapters 5 and 7, [deeplearningbook.org](https://www.deeplearningbook.org/).
# - The interval for a share: Wilson, 1927,
#   [doi.org/10.1080/01621459.1927.10502953](https://doi.org/10.1080/01621459.1927.10502953).
# - A linear layer against a network on MNIST: LeCun, Bottou, Bengio and Haffner, *Gradient-based learning
#   applied to document recognition*, 1998, [doi.org/10.1109/5.726791](https://doi.org/10.1109/5.726791).
# - The digits: Alpaydin and Kaynak, *Optical Recognition of Handwritten Digits*, UCI, 1998,
#   [doi.org/10.24432/C50P49](https://doi.org/10.24432/C50P49).
# - The libraries: NumPy (Harris et al., 2020,
#   [doi.org/10.1038/s41586-020-2649-2](https://doi.org/10.1038/s41586-020-2649-2)), scikit-learn (Pedregosa
#   et al., 2011, [jmlr.org/papers/v12/pedregosa11a](https://jmlr.org/papers/v12/pedregosa11a.html)), PyTorch
#   (Paszke et al., 2019, [arxiv.org/abs/1912.01703](https://arxiv.org/abs/1912.01703)), Keras (Chollet et
#   al., 2015, [keras.io](https://keras.io)).
#
# **Next:** week 1's assignment, `attention`, if you came here from the other lessons; or lesson 1, *From
# text to numbers*.

# %% [markdown]
# The numbers in the questions and answers above, computed:

# %%
print(f"ln 26 = {math.log(26):.2f} nats = {math.log2(26):.2f} bits")
print(f"1.5 nats = {1.5 / math.log(2):.2f} bits, e^1.5 = {math.exp(1.5):.1f}")
low, high = binomtest(353, 360).proportion_ci(method="wilson")
print(f"97.5 % and 96.7 % of 360 images: {round(0.975 * 360)} and {round(0.967 * 360)} right")
print(f"353 of 360 is {353 / 360:.1%}, range {low:.1%} to {high:.1%};  351 of 360 is {351 / 360:.1%}")
