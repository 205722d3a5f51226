# The course in a container, for learners: JupyterLab as an ordinary user, the versions of requirements.lock.
# docs/instructor.md says how it is built and started.
FROM python:3.12-slim-bookworm

# For PyTorch's CPU build; without it PyTorch may bring several GB of CUDA.
ARG PIP_EXTRA_INDEX_URL=""

RUN useradd --create-home --uid 1000 learner
USER 1000
WORKDIR /home/learner/course

# What takes minutes stands before what changes often.
COPY --chown=learner:learner pyproject.toml requirements.lock README.md LICENSE ./
COPY --chown=learner:learner tools/environment.py tools/
RUN mkdir course grader work \
    && PIP_NO_CACHE_DIR=1 python tools/environment.py

COPY --chown=learner:learner . .

EXPOSE 8888
CMD [".venv/bin/course", "lab", "--no-browser", "--ip", "0.0.0.0", "--port", "8888"]
